import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repairInstance } from '../../src/actions/repair-instance.ts';
import { instanceId } from '../../src/domain/ids.ts';
import { findInstanceEvenDeleted } from '../../src/store/instances.ts';
import { listOpenJobs } from '../../src/store/jobs.ts';
import { RunningStage } from './running-stage.ts';

const requests = {
  scaled: (running: RunningStage, one: string) => running.act(one, 'scale', { replica: 1 }),
  stopped: (running: RunningStage, one: string) => running.act(one, 'stop'),
  restarted: (running: RunningStage, one: string) => running.act(one, 'restart'),
  deleted: async (running: RunningStage, one: string) => running.ended(await running.stage.delete(one)),
};

for (const [what, request] of Object.entries(requests)) {
  test(`a repair that was decided before the instance was ${what} is not opened`, async (t) => {
    const running = await RunningStage.open(t);
    const { services, store } = running.stage;
    const one = await running.deployed({ replica: 2 });
    const id = instanceId(one.split('/').at(-1) ?? '');
    const before = await findInstanceEvenDeleted(store.read, id);
    assert.ok(before);
    assert.equal((await request(running, one)).status, 'SUCCEEDED');
    await running.engine.stop();
    assert.equal(await repairInstance(services, before), false);
    assert.deepEqual(await listOpenJobs(store.read, id), []);
    const now = await findInstanceEvenDeleted(store.read, id);
    assert.ok(now);
    assert.equal(await repairInstance(services, now), true);
  });
}
