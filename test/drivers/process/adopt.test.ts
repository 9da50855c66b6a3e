import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Problem } from '../../../src/domain/errors.ts';
import { ask, never, SLEEP, TestHost, until, untilReady, WEB } from './test-host.ts';

test('an application outlives the platform and its supervisor, and is found again', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, rollout);
  const victim = host.supervisorPid();
  host.killSupervisor();
  await until('another supervisor took over', () => host.supervisorPid() !== victim);
  const [after] = await driver.observe();
  assert.equal(after?.pid, before?.pid);
  assert.deepEqual(after?.address, before?.address);
  assert.equal(after?.startedAt, before?.startedAt);
  assert.equal(after?.restarts, 0);
  assert.ok(after?.readiness.ready, 'it was ready, so it never left the service');
  assert.equal(await ask(after, '/'), `pid ${before?.pid}`);
});

test('a second platform finds the supervisor of the first', async (t) => {
  const host = new TestHost(t);
  const rollout = host.rollout(SLEEP);
  await (await host.driver()).ensure(rollout, 1, never());
  const pid = host.supervisorPid();
  const next = await host.open();
  assert.equal((await next.observe()).length, 1);
  assert.equal(host.supervisorPid(), pid);
});

test('a supervisor that hangs cannot be reached, which is said, and its applications are found again', async (t) => {
  const host = new TestHost(t);
  const driver = await host.open({ answerMs: 1_000 });
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const [before] = await driver.observe();
  const pid = host.supervisorPid();
  process.kill(pid, 'SIGSTOP');
  try {
    const isUnreachable = (error: unknown) =>
      error instanceof Problem &&
      error.code === 'targetUnavailable' &&
      // What asked waits for it, instead of failing for good.
      error.isPassing &&
      /cannot be reached: it did not answer within 1 s/.test(error.message);
    await assert.rejects(driver.observe(), isUnreachable);
    await assert.rejects(driver.check(rollout, 1), isUnreachable);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const after = await until('it answers again', async () => (await driver.observe().catch(() => []))[0]);
  assert.equal(after?.pid, before?.pid);
});

test('a supervisor shrugs at SIGHUP', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  process.kill(host.supervisorPid(), 'SIGHUP');
  assert.deepEqual(await driver.observe(), []);
  assert.deepEqual(process.kill(host.supervisorPid(), 0), true);
});

test('an end that nobody saw is reported as unknown, and the application is started again', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, rollout);
  assert.ok(before?.pid);
  driver.close();
  host.killSupervisor();
  process.kill(before.pid, 'SIGKILL');
  const next = await host.open();
  const [after] = await until('it runs again', async () => {
    const seen = await next.observe();
    return seen[0]?.readiness.ready ? seen : undefined;
  }).then((seen) => seen ?? []);
  assert.ok(after);
  assert.equal(after.lastExit?.unknown, true);
  assert.equal(after.lastExit?.code, undefined);
  assert.equal(after.restarts, 1);
  assert.deepEqual(after.address, before.address);
});

test('the end of an adopted process is noticed', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const [before] = await driver.observe();
  assert.ok(before?.pid);
  driver.close();
  host.killSupervisor();
  const next = await host.open();
  process.kill(before.pid, 'SIGKILL');
  await until('another process runs', async () => {
    const [after] = await next.observe();
    return after?.pid !== undefined && after.pid !== before.pid;
  });
  assert.equal(host.marked().length, 1);
});

test('after a reboot every application is started again', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 2, never());
  const before = await untilReady(driver, rollout, 2);
  driver.close();
  host.killSupervisor();
  for (const { pid } of before) if (pid) process.kill(pid, 'SIGKILL');
  const next = await host.open({ supervisorArgs: ['--boot-id', 'another-boot'] });
  const after = await untilReady(next, rollout, 2);
  assert.deepEqual(
    after.map((each) => each.lastExit?.unknown),
    [true, true],
  );
  assert.equal(host.marked().length, 2);
});

test('a stranger that got the number of a dead replica is left alone', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const [before] = await driver.observe();
  assert.ok(before?.pid);
  driver.close();
  host.killSupervisor();
  process.kill(before.pid, 'SIGKILL');
  // Starts are told in hundredths of a second; a number that is used again within one is nobody's.
  await pause(50);
  const stranger = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' });
  t.after(() => stranger.kill('SIGKILL'));
  const state = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'state.json');
  const record: unknown = JSON.parse(readFileSync(state, 'utf8'));
  assert.ok(typeof record === 'object');
  writeFileSync(state, JSON.stringify({ ...record, pid: stranger.pid }));
  const next = await host.open();
  await until('it runs again', async () => (await next.observe())[0]?.pid !== undefined);
  assert.notEqual((await next.observe())[0]?.pid, stranger.pid);
  await next.retire(rollout.instance, 1, 0, 1000);
  assert.equal(stranger.exitCode, null);
  assert.equal(stranger.signalCode, null);
});

/** What a power loss, or a hand that slipped, makes of what says how a replica is started. */
const harms: Readonly<Record<string, (file: string) => void>> = {
  'cannot be read': (file) => writeFileSync(file, '{"rollo'),
  'are gone': (file) => rmSync(file),
};

for (const [what, harm] of Object.entries(harms))
  test(`a replica whose files ${what} is set aside with its home, the others live, and it goes with its rollout`, async (t) => {
    const host = new TestHost(t);
    const driver = await host.driver();
    const [broken, whole] = [host.rollout(WEB), host.rollout(WEB)];
    for (const rollout of [broken, whole]) {
      await driver.ensure(rollout, 1, never());
      await untilReady(driver, rollout);
    }
    const dir = join(host.dataDir, 'replicas', broken.instance, '1-0');
    writeFileSync(join(dir, 'own', 'home', 'precious'), 'kept');
    driver.close();
    host.killSupervisor();
    harm(join(dir, 'replica.json'));
    writeFileSync(join(host.dataDir, 'replicas', 'a-stray-file'), '');
    const next = await host.open();
    assert.deepEqual(
      (await next.observe()).map(({ instance }) => instance),
      [whole.instance],
    );
    await until('its process is gone', () => host.marked(broken.instance).length === 0);
    const aside = join(host.dataDir, 'replicas', '.aside');
    const [name = ''] = readdirSync(aside);
    assert.equal(readFileSync(join(aside, name, 'own', 'home', 'precious'), 'utf8'), 'kept');
    await next.ensure(broken, 1, never());
    await untilReady(next, broken);
    await next.retire(broken.instance, broken.number, 0, 1000);
    assert.deepEqual(readdirSync(aside), []);
  });

test('a replica directory that was never finished is cleared away', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  driver.close();
  host.killSupervisor();
  mkdirSync(join(host.dataDir, 'replicas', 'instance-1', '1-0', 'own', 'home'), { recursive: true });
  const next = await host.open();
  assert.deepEqual(await next.observe(), []);
  assert.deepEqual(host.replicaDirs(), []);
});

test('a shutdown that leaves the applications leaves them', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const supervisor = host.supervisorPid();
  await driver.shutdown({ applications: 'leave' });
  await until('the supervisor has ended', () => isGone(supervisor));
  assert.equal(host.marked().length, 1);
  assert.equal((await (await host.open()).observe())[0]?.pid, host.marked()[0]);
});

test('applications that a shutdown stopped are started again by the next supervisor', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 2, never());
  await driver.shutdown({ applications: 'stop' });
  assert.deepEqual(host.marked(), []);
  const next = await host.open();
  await until(
    'both run',
    async () => (await next.observe()).filter((each) => each.pid !== undefined).length === 2,
  );
});

test('a data directory has one supervisor, however many are started', async (t) => {
  const host = new TestHost(t);
  await host.driver();
  const main = new URL('../../../src/drivers/process/supervisor/main.ts', import.meta.url).pathname;
  const words = ['--data-dir', host.dataDir, '--key-file', join(host.dir, 'key'), '--ports', '20000-20010'];
  const second = spawn(process.execPath, [main, ...words, '--log-file', join(host.dir, 'second.log')], {
    stdio: 'ignore',
  });
  const [code] = await once(second, 'exit');
  assert.equal(code, 0);
  assert.match(readFileSync(join(host.dir, 'second.log'), 'utf8'), /another supervisor runs/);
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
