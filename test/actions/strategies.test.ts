import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningStage } from './running-stage.ts';

const names = ({ driver }: RunningStage) =>
  [...driver.replicas.values()].map(({ rollout, ordinal }) => `${rollout}/${ordinal}`);

for (const [title, strategy] of [
  ['Recreate', { upgrade: 'Recreate' }],
  [
    'a rolling update that may take the only replica away first',
    { upgrade: 'RollingUpdate', spec: { maxSurge: 0, maxUnavailable: 1 } },
  ],
] as const) {
  test(`${title}: what was taken away is there again after a failure, and is found by a stop`, async (t) => {
    const running = await RunningStage.open(t);
    const { driver } = running;
    const one = await running.deployed({ configuration: { strategy } });
    driver.isBroken = true;
    driver.sparedRollout = 1;
    const failed = await running.change(one, '2');
    assert.equal(failed.status, 'FAILED');
    assert.match(failed.message, /exited with code 7/);
    await running.look();
    assert.deepEqual([await running.status(one), names(running)], ['RUNNING', ['1/0']]);
    assert.equal((await running.act(one, 'stop')).status, 'SUCCEEDED');
    assert.deepEqual(names(running), []);
    driver.isBroken = false;
    assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
    assert.deepEqual([await running.status(one), names(running)], ['RUNNING', ['3/0']]);
    assert.equal((await running.change(one, '3')).status, 'SUCCEEDED');
    assert.deepEqual(names(running), ['4/0']);
  });
}
