import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostId, instanceId, type InstanceId } from '../../src/domain/ids.ts';
import type { Observed } from '../../src/domain/rollout.ts';
import { listInhabitedInstances } from '../../src/store/instance-lists.ts';
import type { Tx } from '../../src/store/open.ts';
import { listReplicasOf, upsertReplicas } from '../../src/store/replicas.ts';
import { insertRollout, listUnretiredRolloutsOf, markRolloutRetired } from '../../src/store/rollouts.ts';
import { databases } from './databases.ts';
import { aProject, storeInstance } from './records.ts';

async function storeWithRollouts(tx: Tx, id: InstanceId, count: number): Promise<void> {
  const { requestedRelease: release, project } = await storeInstance(tx, { id });
  for (let n = 0; n < count; n += 1)
    await insertRollout(tx, { instance: id, release, project, createTime: 1_000 });
}

for (const { name, create } of databases()) {
  test(`${name}: only what has replicas, or a rollout that is not retired, is walked as inhabited`, async (t) => {
    const store = await (await create(t)).open();
    await store.write(async (tx) => {
      for (const [id, rollouts] of [
        ['1', 0],
        ['2', 1],
        ['3', 2],
        ['4', 1],
      ] as const)
        await storeWithRollouts(tx, instanceId(id), rollouts);
      await markRolloutRetired(tx, instanceId('2'), 1, 5_000);
      await markRolloutRetired(tx, instanceId('3'), 1, 5_000);
    });
    const listed = async (limit: number, after?: string) =>
      (
        await listInhabitedInstances(store.read, limit, after === undefined ? undefined : instanceId(after))
      ).map(({ id }) => String(id));
    assert.deepEqual(await listed(10), ['3', '4']);
    assert.deepEqual(await listed(1), ['3']);
    assert.deepEqual(await listed(10, '3'), ['4']);
    const observed: Observed = {
      instance: instanceId('2'),
      rollout: 1,
      ordinal: 0,
      host: hostId('host-1'),
      state: 'running',
      restarts: 0,
      readiness: { ready: true, code: 'ready', saw: 'answers' },
      enforced: [],
      runtimeVersion: 'Node.js 24',
    };
    await store.write((tx) => upsertReplicas(tx, aProject, [observed], 6_000));
    assert.deepEqual(await listed(10), ['2', '3', '4']);
    const of = [instanceId('1'), instanceId('2'), instanceId('3')];
    assert.deepEqual(await listReplicasOf(store.read, of), new Map([[instanceId('2'), [observed]]]));
    assert.deepEqual(await listUnretiredRolloutsOf(store.read, of), new Map([[instanceId('3'), [2]]]));
  });
}
