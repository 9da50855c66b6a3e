import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openCgroups } from '../../../src/drivers/process/supervisor/cgroup.ts';
import { has } from './machine.ts';
import { never, SLEEP, TestHost, until, untilReady, WEB } from './test-host.ts';

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
