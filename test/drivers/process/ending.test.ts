import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, logOf, never, TestHost, until, untilReady, WEB } from './test-host.ts';

/** Starts a child and a grandchild that ignore SIGTERM, and one in a session of its own. */
const FAMILY = `
const { spawn } = require('node:child_process');
const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e9); console.log('stubborn')";
const parent = "require('node:child_process').spawn(process.execPath, ['-e', process.env.STUBBORN], { stdio: 'inherit' });" + stubborn;
const env = { ...process.env, STUBBORN: stubborn };
spawn(process.execPath, ['-e', parent], { stdio: 'inherit', env });
spawn(process.execPath, ['-e', stubborn], { stdio: 'inherit', env, detached: true }).unref();
${WEB}`;

const stubborn = (lines: readonly string[]): number => lines.filter((line) => line === 'stubborn').length;

for (const kind of ['cgroups', 'no cgroups']) {
  const options = kind === 'cgroups' ? {} : { supervisorArgs: ['--proc', '/nonexistent'] };

  test(`the whole family of a replica ends, also who ignores SIGTERM or left the group (${kind})`, async (t) => {
    const host = new TestHost(t, options);
    const driver = await host.driver();
    const rollout = host.rollout(FAMILY, { graceMs: 300 });
    await driver.ensure(rollout, 1, never());
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica);
    await until('all three are deaf', async () => stubborn(await logOf(driver, replica)) === 3);
    assert.equal(host.marked().length, 4);
    await driver.retire(rollout.instance, rollout.number, 0, 300);
    assert.deepEqual(host.marked(), []);
  });

  test(`an application that exits by itself takes its family along before it is started again (${kind})`, async (t) => {
    const host = new TestHost(t, options);
    const driver = await host.driver();
    const rollout = host.rollout(FAMILY, { graceMs: 300 });
    await driver.ensure(rollout, 1, never());
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica);
    await until('all three are deaf', async () => stubborn(await logOf(driver, replica)) === 3);
    await ask(replica, '/exit');
    await until('it runs again', async () => (await driver.observe())[0]?.restarts === 1);
    await untilReady(driver, rollout);
    await until('all are there', async () => stubborn(await logOf(driver, replica)) === 6);
    assert.equal(host.marked().length, 4);
  });
}

test('an application that ends at SIGTERM is given the time it takes', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(
    `process.on('SIGTERM', () => setTimeout(() => { console.error('tidied'); require('fs').writeFileSync(process.env.SIGN, 'x'); process.exit(0); }, 200)); ${WEB}`,
    { variables: { SIGN: '/dev/null' } },
  );
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const stop = new AbortController();
  const lines: string[] = [];
  const following = (async () => {
    for await (const { text } of driver.logs(replica, 0, stop.signal)) {
      lines.push(text);
      if (text === 'tidied') stop.abort();
    }
  })();
  const retiring = driver.retire(rollout.instance, rollout.number, 0, 20_000);
  await Promise.all([retiring, following]);
  assert.deepEqual(lines, ['tidied']);
});

test('a later call with less grace shortens the wait', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(`process.on('SIGTERM', () => {}); ${WEB}`);
  await driver.ensure(rollout, 1, never());
  await untilReady(driver, rollout);
  const first = driver.retire(rollout.instance, rollout.number, 0, 3_600_000);
  await driver.retire(rollout.instance, rollout.number, 0, 10);
  await first;
  assert.deepEqual(host.marked(), []);
});

test('an application that exits at once waits longer each time, tells why, and can be removed', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(`console.log('cannot find my file'); process.exit(7)`);
  await driver.ensure(rollout, 1, never());
  await until('it was started three times', async () => ((await driver.observe())[0]?.restarts ?? 0) >= 2);
  const seen = await until('it waits', async () => {
    const [each] = await driver.observe();
    return each?.state === 'backoff' ? each : undefined;
  });
  assert.ok(seen);
  assert.equal(seen.lastExit?.code, 7);
  assert.equal(seen.pid, undefined);
  assert.equal(seen.readiness.ready, false);
  assert.ok((await logOf(driver, seen)).includes('cannot find my file'));
  const journal = readFileSync(join(host.dataDir, 'logs', 'supervisor.log'), 'utf8')
    .trim()
    .split('\n');
  const told = journal.find((line) => line.includes('"replica exited"'));
  assert.match(told ?? '', /^\{"at":"\d{4}-\d\d-\d\dT[\d:.]+Z","event":"replica exited",.*"code":7/);
  await driver.retire(rollout.instance, rollout.number, 0, 5000);
  assert.deepEqual(host.replicaDirs(), []);
});

test('a program that is not there is told in the log and in what the probe saw', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(['/opt/no/such/program', '--serve']);
  await driver.ensure(rollout, 1, never());
  const seen = await until('it waits', async () => {
    const [each] = await driver.observe();
    return each?.state === 'backoff' ? each : undefined;
  });
  assert.ok(seen);
  assert.equal(seen.lastExit?.code, 127);
  assert.match(seen.readiness.saw, /\/opt\/no\/such\/program could not be started: .*ENOENT/);
  assert.match((await logOf(driver, seen)).join(), /could not be started/);
});
