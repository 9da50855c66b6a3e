import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, logOf, never, TestHost, untilReady, WEB } from './test-host.ts';

test('an application is started, answers, is logged and leaves nothing behind', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  assert.equal(await ask(replica, '/'), `pid ${replica.pid}`);
  assert.deepEqual(await logOf(driver, replica), [`listening on ${replica.address?.port}`]);
  await driver.retire(rollout.instance, rollout.number, 0, 5000);
  assert.deepEqual(await driver.observe(), []);
  assert.deepEqual(host.marked(), []);
  assert.deepEqual(host.replicaDirs(), []);
});
