import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { never, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_106;
const NEIGHBOUR = 210_107;
const CHILDREN = 100;
const CALLS = 50;
/** What a call may take at the most on the busiest machine. */
const ANSWER_MS = 10_000;

/** As many busy processes as it may have, in a tenth of a core; and memory filled to the brim. */
const BUSY = `
const { spawn } = require('node:child_process');
for (let index = 0; index < ${CHILDREN}; index += 1) spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
${WEB}`;

test('the supervisor is in no cgroup of a replica, however long a probe waits in there, and answers others', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const probe = { type: 'command', command: ['/bin/true'], delayMs: 0, timeoutMs: 1000 } as const;
  const limits = { cpuMillis: 100, memoryBytes: 256 * 1024 * 1024 };
  const busy = host.rollout(BUSY, { user: USER, limits, readiness: probe });
  const other = host.rollout(WEB, { user: NEIGHBOUR });
  await driver.ensure(other, 1, never());
  const [neighbour] = await untilReady(driver, other);
  const supervisor = host.supervisorPid();
  await driver.ensure(busy, 1, never());
  await until('its probe waits in vain', async () =>
    (await driver.observe(busy.instance)).some((each) => each.readiness.saw.includes('did not end within')),
  );
  const own = readFileSync(`/proc/${supervisor}/cgroup`, 'utf8');
  const latenesses: number[] = [];
  for (let call = 0; call < CALLS; call += 1) {
    const began = performance.now();
    const [seen] = await driver.observe(other.instance);
    latenesses.push(performance.now() - began);
    assert.equal(seen?.pid, neighbour?.pid);
    assert.equal(readFileSync(`/proc/${supervisor}/cgroup`, 'utf8'), own);
  }
  const slowest = Math.max(...latenesses);
  t.diagnostic(`slowest of ${CALLS} calls: ${slowest.toFixed(1)} ms`);
  assert.ok(slowest < ANSWER_MS);
  assert.ok(!own.includes(`${busy.instance}-1-0`));
  assert.equal(host.supervisorPid(), supervisor, 'it is the same supervisor');
});

test('probes whose children keep their output open, and starts that fail, leave no descriptor in the supervisor', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const command = ['/bin/sh', '-c', 'sleep 1000 & exit 0'];
  const rollout = host.rollout(WEB, {
    user: USER,
    readiness: { type: 'command', command, delayMs: 0, timeoutMs: 5000 },
  });
  await driver.ensure(rollout, 1, never());
  await untilReady(driver, rollout);
  const descriptors = () => readdirSync(`/proc/${host.supervisorPid()}/fd`).length;
  const left = () => host.marked(rollout.instance).length;
  await until('two probes ran', () => left() >= 3);
  const before = descriptors();
  const failing = host.rollout(['/opt/no/such/program'], { user: NEIGHBOUR });
  await driver.ensure(failing, 1, never());
  await until('it failed three times', async () =>
    (await driver.observe(failing.instance)).some((each) => each.restarts >= 3),
  );
  await until('eight probes ran', () => left() >= 9);
  // A probe and a start may be under way.
  assert.ok(descriptors() <= before + 8, `${before} became ${descriptors()}`);
});
