import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import { RoutePublisher } from '../../src/tasks/publish-routes.ts';
import { RunningStage } from '../actions/running-stage.ts';
import { RememberingIngress } from '../actions/scripted-target.ts';

test('after a start no port of the last life is published before what runs was seen', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver, looks } = running;
  await running.deployed();
  // The machine was started again: the replica has another port, and its old one may be anybody's.
  for (const [name, replica] of driver.replicas)
    driver.replicas.set(name, { ...replica, address: { host: '127.0.0.1', port: 20_999 } });
  const ingress = new RememberingIngress();
  const published: number[][] = [];
  ingress.publish = async (routes) => {
    published.push(routes.flatMap(({ targets }) => targets.map(({ port }) => port)));
  };
  const routes = new RoutePublisher(stage.store, ingress);
  const log = { info: () => undefined, warn: () => undefined };
  const reconciler = new Reconciler({
    services: stage.services,
    driver,
    looks,
    routes,
    clock: running.time,
    log,
  });
  const early = routes.publish();
  driver.isReachable = false;
  await reconciler.lookAtAll();
  assert.deepEqual(published, [], 'a look that saw nothing is none');
  driver.isReachable = true;
  await reconciler.lookAtAll();
  await early;
  assert.ok(published.length > 0);
  for (const ports of published) assert.deepEqual(ports, [20_999]);
  const count = published.length;
  await reconciler.lookAtAll();
  assert.equal(published.length, count, 'and what stays as it is, is not published again');
});
