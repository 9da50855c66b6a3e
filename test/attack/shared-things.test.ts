import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Guard } from '../../src/domain/fences.ts';
import { never, until, untilReady, logOf, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const OFF: readonly Guard[] = ['watched-bounds'];

/** Listens on as many ports beside its own as it is let. */
const TAKER = `${WEB}
for (let i = 0; i < 90; i += 1) require('node:net').createServer().listen(0, '127.0.0.1');
setTimeout(() => console.log('took them'), 1000);
`;
/** One process may hold no more than all together. */
const HOARDER = `
const fs = require('node:fs');
if (process.argv[2] === undefined) {
  require('node:child_process').fork(__filename, ['another']);
  ${WEB}
}
for (let i = 0; i < 750; i += 1) fs.openSync('/dev/null');
setInterval(() => {}, 1000);
setTimeout(() => console.log('took them'), 1000);
`;
const WRITER = `${WEB}
const fs = require('node:fs');
fs.mkdirSync(process.env.HOME + '/closed');
for (let i = 0; i < 300; i += 1) fs.writeFileSync(process.env.HOME + '/closed/' + i, '');
fs.chmodSync(process.env.HOME + '/closed', 0);
setTimeout(() => console.log('took them'), 1000);
`;

const FILLER = `${WEB}
const fs = require('node:fs');
fs.writeFileSync(process.env.HOME + '/large', Buffer.alloc(48 * 1024 * 1024, 1));
setTimeout(() => console.log('took them'), 1000);
`;

async function running(t: TestContext, program: string, unfenced: readonly Guard[] = []) {
  const host = aHost(t, unfenced, ['--most-files', '200', '--most-disk-mib', '32']);
  const driver = await host.driver();
  const rollout = host.rollout(program, { user: 64_980 });
  await driver.ensure(rollout, 1, never());
  return { driver, rollout };
}

for (const [what, program, cause] of [
  ['ports', TAKER, /it listened on 90 ports beside its own, more than the 64/],
  ['descriptors', HOARDER, /open files and sockets, more than the 1024/],
  ['bytes of the disk', FILLER, /its files took \d+ MiB, more than the 32/],
  ['files', WRITER, /it had \d+ files, more than the 200/],
] as const) {
  test(`who takes too many ${what} keeps them where nobody watches`, async (t) => {
    if (!mayAttack(t)) return;
    const { driver, rollout } = await running(t, program, OFF);
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica);
    await until('it took them', async () => (await logOf(driver, replica)).includes('took them'));
    assert.equal((await driver.observe())[0]?.lastExit, undefined);
  });

  test(`who takes too many ${what} is ended and told so`, async (t) => {
    if (!mayAttack(t)) return;
    const { driver } = await running(t, program);
    const seen = await until('it was ended', async () => {
      const [each] = await driver.observe();
      return each?.lastExit?.cause === undefined ? undefined : each;
    });
    assert.ok(seen);
    assert.match(seen.lastExit?.cause ?? '', cause);
    assert.ok((await logOf(driver, seen)).some((line) => cause.test(line)));
  });
}

const BEYOND =
  /listens on other addresses than 127\.0\.0\.1, so it can be reached beside the ingress on port \d+;/;

for (const [what, program] of [
  ['its own port on all addresses of the host', WEB.replace("'127.0.0.1'", "'0.0.0.0'")],
  [
    'another port on all addresses of the host',
    `${WEB}require('node:net').createServer().listen(0, '0.0.0.0');`,
  ],
  ['another port on all addresses by IPv6', `${WEB}require('node:net').createServer().listen(0, '::');`],
] as const)
  test(`who listens on ${what} is told on the instance and in its log`, async (t) => {
    if (!mayAttack(t)) return;
    const { driver, rollout } = await running(t, program);
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica);
    await until('it is told', async () => BEYOND.test((await driver.observe())[0]?.readiness.saw ?? ''));
    assert.ok((await logOf(driver, replica)).some((line) => BEYOND.test(line)));
    assert.equal((await driver.observe())[0]?.readiness.ready, true);
  });

test('one process meets its own bound of open files before all are ended for theirs', async (t) => {
  if (!mayAttack(t)) return;
  const program = `
const fs = require('node:fs');
console.log('begins');
const held = [];
try { for (;;) held.push(fs.openSync('/dev/null')); } catch (error) {
  for (const each of held) fs.closeSync(each);
  console.log('refused: ' + error.code);
}
${WEB}`;
  const { driver, rollout } = await running(t, program);
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  assert.ok((await logOf(driver, replica)).includes('refused: EMFILE'));
  assert.deepEqual(
    [replica.bounds?.descriptorsOfProcess, replica.bounds?.descriptors, replica.restarts],
    [1024, 1024, 0],
  );
});
