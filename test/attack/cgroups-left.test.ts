import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { never, SLEEP, TestHost, until } from '../drivers/process/test-host.ts';
import { cgroupsOf, mayAttack, removeDeadCages } from './stage.ts';

async function running(t: TestContext, count: number) {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, count, never());
  assert.ok(cgroupsOf(host.dataDir).length > count);
  return { host, driver, rollout };
}

const replicasIn = (dirs: readonly string[]): string[] => dirs.filter((dir) => /-1-\d+$/.test(dir));

test('a replica that was removed leaves no cgroup', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver, rollout } = await running(t, 3);
  await driver.retire(rollout.instance, 1, 1, 2_000);
  const left = replicasIn(cgroupsOf(host.dataDir));
  assert.ok(left.length > 0 && left.every((dir) => dir.endsWith('-1-0')), left.join());
});

test('a supervisor that stops its applications leaves no cgroup', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver } = await running(t, 2);
  await driver.shutdown({ applications: 'stop' });
  await until('nothing is left', () => cgroupsOf(host.dataDir).length === 0);
});

test('what a supervisor that was killed left is removed by its successor', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver, rollout } = await running(t, 2);
  const before = host.supervisorPid();
  host.crashAt('before-remove');
  await driver.retire(rollout.instance, 1, 0, 2_000);
  await until('another supervisor took over', () => host.supervisorPid() !== before);
  assert.deepEqual(replicasIn(cgroupsOf(host.dataDir)), []);
  assert.deepEqual(
    readdirSync(join(host.dataDir, 'replicas')).filter((name) => name !== '.trash'),
    [],
  );
});

test('the cgroup of a replica whose files are lost is ended and removed by the next supervisor', async (t) => {
  if (!mayAttack(t)) return;
  const { host, driver, rollout } = await running(t, 2);
  driver.close();
  host.killSupervisor();
  rmSync(join(host.dataDir, 'replicas', rollout.instance, '1-0'), { recursive: true });
  const next = await host.open();
  assert.equal((await next.observe()).length, 1);
  await until('its process is gone', () => host.marked(rollout.instance).length === 1);
  await until('so is its cgroup', () =>
    replicasIn(cgroupsOf(host.dataDir)).every((dir) => dir.endsWith('-1-1')),
  );
});

test('the cage of a test file that was killed is removed by the next, that of a living one stays', (t) => {
  const origin = mkdtempSync(join(tmpdir(), 'openstage-cages-'));
  t.after(() => rmSync(origin, { recursive: true, force: true }));
  const { pid: dead } = spawnSync('true');
  const [living, own] = [process.ppid, process.pid].map((pid) => `openstage-attack-${pid}`);
  for (const name of [`openstage-attack-${dead}/openstage-a/b-1-0`, living, own, 'another'])
    mkdirSync(join(origin, name ?? ''), { recursive: true });
  removeDeadCages(origin);
  assert.deepEqual(readdirSync(origin).toSorted(), ['another', living, own].toSorted());
});
