import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { replicaName } from '../../src/domain/rollout.ts';
import { listOpenJobs } from '../../src/store/jobs.ts';
import { RunningStage } from '../actions/running-stage.ts';
import { until } from '../jobs/until.ts';

const idIn = (one: string) => instanceId(one.split('/').at(-1) ?? '');
const openJobs = ({ stage }: RunningStage, one: string) => listOpenJobs(stage.store.read, idIn(one));
const untilIdle = (running: RunningStage, one: string) =>
  until('the repair to end', async () => (await openJobs(running, one)).length === 0);

test('a replica that is gone is put back by a job of the platform, which is nobody’s last job', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed({ replica: 2 });
  const before = await stage.get(one);
  const [lost] = driver.replicas.keys();
  driver.replicas.delete(lost ?? '');
  await running.look();
  await until('two replicas', () => driver.replicas.size === 2);
  await untilIdle(running, one);
  await running.look();
  const after = await stage.get(one);
  assert.equal(after.at('status_detail', 'status'), 'RUNNING');
  assert.equal(after.at('status_detail', 'last_job_id'), before.at('status_detail', 'last_job_id'));
  assert.equal(after.at('openstage', 'rollout'), 1);
});

test('a replica that should not be there is ended, one of an instance that nobody knows is left alone', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed();
  const [own] = driver.replicas.values();
  assert.ok(own);
  const stray = { ...own, ordinal: 5 };
  const strange = { ...own, instance: instanceId(randomUUID()) };
  for (const replica of [stray, strange]) driver.replicas.set(replicaName(replica), replica);
  await running.look();
  await until('the stray to be gone', () => !driver.replicas.has(replicaName(stray)));
  await untilIdle(running, one);
  assert.deepEqual([...driver.replicas.values()], [own, strange]);
});

test('a target that cannot be reached makes what runs UNKNOWN, leaves its traffic alone, and is forgotten when it answers', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, ingress } = running;
  const one = await running.deployed();
  const { routes } = ingress;
  driver.isReachable = false;
  await running.look();
  assert.equal(await running.status(one), 'UNKNOWN');
  assert.deepEqual(ingress.routes, routes);
  assert.deepEqual(await openJobs(running, one), [], 'nothing is repaired that is not seen');
  driver.isReachable = true;
  await running.look();
  assert.equal(await running.status(one), 'RUNNING');
});

test('a sick replica leaves the ingress and shows in the status', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver, ingress } = running;
  const one = await running.deployed({ replica: 2 });
  const [name = '', well] = [...driver.replicas][0] ?? [];
  assert.ok(well);
  driver.replicas.set(name, {
    ...well,
    readiness: { ready: false, code: 'probeFailed', saw: 'HTTP 500 from GET /' },
  });
  await running.look();
  const shown = await stage.get(one);
  assert.equal(shown.at('status_detail', 'status'), 'PARTIALLY_FAILED');
  assert.match(shown.text('status_detail', 'fail_detail'), /Replica 0 is not ready: HTTP 500 from GET \//);
  assert.equal(ingress.routes[0]?.targets.length, 1);
});

test('a repair makes way for a user: it is no reason for 409', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed();
  await running.engine.stop();
  driver.replicas.clear();
  await running.look();
  assert.deepEqual(
    (await openJobs(running, one)).map(({ kind }) => kind),
    ['repair-instance'],
  );
  const accepted = await running.asked(one, 'restart');
  assert.equal(accepted.status, 200, accepted.raw);
  assert.deepEqual(
    (await openJobs(running, one)).map(({ kind }) => kind),
    ['restart-instance'],
  );
});
