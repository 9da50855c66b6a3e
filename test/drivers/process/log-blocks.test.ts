import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { has, isRoot } from './machine.ts';
import { ask, logOf, never, TestHost, until, untilReady } from './test-host.ts';

const USER = 210_231;
const MIB = 1024 * 1024;
/** Of fallocate. */
const CALL = new Map([
  ['x64', 285],
  ['arm64', 47],
]).get(process.arch);

/** Takes blocks behind the end of its log, which its size does not tell: once per request, or again and again. */
const TAKER = `
const { spawn } = require('node:child_process');
const take = (mib, done) => spawn('perl', ['-e', 'syscall(${CALL}, 1, 1, 0, $ARGV[0] << 20) == 0 or die $!', String(mib)],
  { stdio: ['ignore', 'inherit', 'inherit'] }).on('exit', done);
const on = (mib) => take(mib, () => setTimeout(on, 100, mib));
console.log('a line to be kept');
require('node:http').createServer((request, response) => {
  const [, what, mib] = request.url.split('/');
  if (what === 'take') take(mib, (code) => response.end('took ' + code));
  else { response.end('on'); if (what === 'on') on(mib); }
}).listen(Number(process.env.PORT), '127.0.0.1');`;

for (const [what, path, told] of [
  [
    'far too much at once',
    '/take/600',
    /^openstage: its log takes 600 MiB, more than the 512 that are forgiven; the application is started again$/,
  ],
  [
    'too much again and again',
    '/on/100',
    /^openstage: its log took more than 64 MiB 5 times within a minute/,
  ],
] as const) {
  test(`blocks that an application takes behind the end of its log are given back, and who takes ${what} is ended`, async (t) => {
    const isKnown = process.platform === 'linux' && CALL !== undefined;
    if (!has(t, isKnown, 'the number of fallocate is known on Linux with x64 and arm64')) return;
    const host = new TestHost(t);
    const driver = await host.driver();
    const rollout = host.rollout(TAKER, isRoot() ? { user: USER } : {});
    await driver.ensure(rollout, 1, never());
    const [replica] = await untilReady(driver, rollout);
    assert.ok(replica);
    const log = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'log');
    const blocks = () => statSync(log).blocks * 512;
    assert.equal(await ask(replica, '/take/100'), 'took 0');
    await until('they are given back', () => blocks() < MIB);
    assert.match(readFileSync(log, 'utf8'), /^a line to be kept$/m);
    const [after] = await driver.observe();
    assert.equal(after?.pid, replica.pid, 'once is forgiven');
    await ask(replica, path).catch(() => undefined);
    await until('it was ended', async () => (await driver.observe())[0]?.lastExit !== undefined);
    assert.ok((await logOf(driver, replica)).some((line) => told.test(line)));
    await until('all is given back', () => blocks() < MIB);
  });
}
