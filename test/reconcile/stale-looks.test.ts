import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningStage } from '../actions/running-stage.ts';
import { until } from '../jobs/until.ts';

const portsOf = ({ ingress }: RunningStage) =>
  ingress.routes.flatMap(({ targets }) => targets.map(({ port }) => port)).sort();

test('a look that was overtaken by a scale down and up does not bring a port back that is another’s by now', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed({ replica: 2 });
  assert.deepEqual(portsOf(running), [20_100, 20_101]);
  // Something to write: without a change, the look would write nothing.
  for (const [name, replica] of driver.replicas) driver.replicas.set(name, { ...replica, restarts: 1 });
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  driver.afterLook = async () => {
    driver.afterLook = async () => {};
    begun.resolve();
    await held.promise;
  };
  const stale = running.look();
  await begun.promise;
  assert.equal((await running.act(one, 'scale', { replica: 1 })).status, 'SUCCEEDED');
  driver.portOf = () => 20_555;
  assert.equal((await running.act(one, 'scale', { replica: 2 })).status, 'SUCCEEDED');
  assert.deepEqual(portsOf(running), [20_100, 20_555]);
  held.resolve();
  await stale;
  assert.deepEqual(portsOf(running), [20_100, 20_555], 'port 20101 may be anybody’s');
  await running.look();
  assert.deepEqual(portsOf(running), [20_100, 20_555]);
  assert.equal(await running.status(one), 'RUNNING');
});

test('what Recreate takes out of service gets no traffic while it ends, however often it is seen still running', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed({ replica: 2, configuration: { strategy: { upgrade: 'Recreate' } } });
  const ending = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  driver.beforeEnd = () => {
    asked.resolve();
    return ending.promise;
  };
  const change = running.change(one, '2');
  await asked.promise;
  assert.deepEqual(portsOf(running), []);
  // As a replica that is drained shows: it still is ready, and something of it has changed.
  for (const [name, replica] of driver.replicas) driver.replicas.set(name, { ...replica, restarts: 1 });
  await running.look();
  await running.look();
  assert.deepEqual(portsOf(running), [], 'out of service is not undone by seeing it');
  driver.beforeEnd = async () => {};
  ending.resolve();
  assert.equal((await change).status, 'SUCCEEDED');
  assert.deepEqual(portsOf(running), [20_200, 20_201]);
});

test('a Recreate that fails puts what served back into service, where it listens now', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed({ configuration: { strategy: { upgrade: 'Recreate' } } });
  driver.isBroken = true;
  driver.sparedRollout = 1;
  driver.portOf = ({ rollout }) => 20_700 + rollout;
  assert.equal((await running.change(one, '2')).status, 'FAILED');
  assert.deepEqual(portsOf(running), [20_701]);
  await running.look();
  assert.deepEqual(portsOf(running), [20_701]);
  await until('the status to be RUNNING', async () => (await running.status(one)) === 'RUNNING');
});
