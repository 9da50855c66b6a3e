import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openCgroups } from '../../../src/drivers/process/supervisor/cgroup.ts';
import { has } from './machine.ts';
import { logOf, never, SLEEP, TestHost, until, untilReady, WEB } from './test-host.ts';

const probe = openCgroups('/proc/self', 'openstage-test-probe');
const machine = probe.description;
probe.close();
/** Cgroups of one's own are root's to make. */
const isRoot = process.getuid?.() === 0;
const MIB = 1024 * 1024;
/** What needs no cgroup. */
const fences = new Set(['users', 'descriptors', 'oom-score', 'mounts', 'processes', 'ipc']);

const HOG = `
const kept = [];
require('node:http').createServer((request, response) => {
  response.end('ok');
  if (request.url === '/eat') setInterval(() => kept.push(Buffer.alloc(8 * 1024 * 1024, 1)), 1);
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

test('an application that eats more than its memory is ended, and the exit says so', async (t) => {
  if (!has(t, isRoot && machine.includes('memory'), `its cgroups are ${machine}`)) return;
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(HOG, { limits: { cpuMillis: 2000, memoryBytes: 128 * MIB } });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  await fetch(`http://127.0.0.1:${replica?.address?.port}/eat`);
  const after = await until('it was ended', async () => {
    const [each] = await driver.observe();
    return each?.lastExit ? each : undefined;
  });
  assert.equal(after?.lastExit?.outOfMemory, true);
  assert.equal(after?.lastExit?.signal, 'SIGKILL');
  const told = /^openstage: the application was ended: it needed more than the 128 MiB of memory/;
  assert.ok(after && (await logOf(driver, after)).some((line) => told.test(line)));
});

const PARENT = `${WEB}
const eat = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8 * 1024 * 1024, 1)), 1)';
require('node:child_process').spawn(process.execPath, ['-e', eat]);
`;
const MANY = `${WEB}
const { spawn } = require('node:child_process');
for (let i = 0; i < 300; i += 1) spawn('/bin/sleep', ['1000']).on('error', () => {});
`;
for (const [what, program, told] of [
  ['memory that one of its processes needs', PARENT, /has lost a process to its bound of 256 MiB of memory/],
  ['processes', MANY, /has reached its bound of 256 processes and threads: more were refused/],
] as const) {
  test(`an application that lives on though it was refused ${what} is told on the instance and in its log`, async (t) => {
    // Of version 2 the kernel ends all processes, and the exit says so.
    if (!has(t, isRoot && machine.startsWith('v1'), `its cgroups are ${machine}`)) return;
    const host = new TestHost(t);
    const driver = await host.driver();
    const rollout = host.rollout(program, { limits: { cpuMillis: 2000, memoryBytes: 256 * MIB } });
    await driver.ensure(rollout, 1, never());
    const seen = await until('it is told', async () => {
      const [each] = await driver.observe();
      return each && told.test(each.readiness.saw) ? each : undefined;
    });
    assert.ok(seen);
    assert.equal(seen.lastExit, undefined);
    assert.ok((await logOf(driver, seen)).some((line) => told.test(line)));
  });
}

test('the bounds that hold are told in numbers', async (t) => {
  if (!has(t, isRoot && /^v[12]/.test(machine), `its cgroups are ${machine}`)) return;
  const args = ['--most-disk-mib', '64', '--most-files', '3000', '--log-bytes', '1000000'];
  const host = new TestHost(t, { supervisorArgs: args });
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP, { user: 64_970, limits: { cpuMillis: 500, memoryBytes: 1024 * MIB } });
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  assert.deepEqual(replica?.bounds, {
    memoryBytes: 1024 * MIB,
    cpuMillis: 500,
    processes: 512,
    descriptorsOfProcess: 1024,
    descriptors: 1024,
    diskBytes: 64 * MIB,
    files: 3000,
    ports: 64,
    logBytes: 2_000_000,
  });
  // What the kernel itself says of the running process.
  const limits = readFileSync(`/proc/${replica.pid}/limits`, 'utf8');
  assert.match(limits, /^Max open files +1024 /m);
});

test('the limits that hold are the ones that are told', async (t) => {
  if (!has(t, isRoot && /^v[12]/.test(machine), `its cgroups are ${machine}`)) return;
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  assert.ok(replica);
  for (const limit of probe.controllers) assert.ok(replica.enforced.includes(limit), limit);
  assert.equal(replica.enforced.includes('kill'), probe.killsAtOnce);
  assert.ok(replica.enforced.includes('memory'));
  assert.match(readFileSync(`/proc/${replica.pid}/cgroup`, 'utf8'), /openstage-[0-9a-f]+\/instance-1-1-0/);
});

test('where the machine cannot limit anything, nothing is said to be limited', async (t) => {
  const host = new TestHost(t, { supervisorArgs: ['--proc', '/nonexistent'] });
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  const enforced = replica?.enforced.filter((each) => !fences.has(each));
  assert.deepEqual(enforced, []);
  assert.deepEqual(Object.keys(replica?.bounds ?? {}), ['descriptorsOfProcess', 'logBytes']);
});

test('nothing of a cgroup is left after the replica', async (t) => {
  if (!has(t, isRoot && machine.startsWith('v1'), `its cgroups are ${machine}`)) return;
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  const line = readFileSync(`/proc/${replica?.pid}/cgroup`, 'utf8')
    .split('\n')
    .find((each) => each.includes(':memory:'));
  const dir = `/sys/fs/cgroup/memory${line?.split(':')[2]}`;
  assert.ok(readFileSync(`${dir}/memory.limit_in_bytes`, 'utf8').startsWith(String(512 * MIB)));
  await driver.retire(rollout.instance, rollout.number, 0, 1000);
  assert.throws(() => readFileSync(`${dir}/memory.limit_in_bytes`), /ENOENT/);
});
