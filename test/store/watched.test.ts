import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostId, instanceId, type InstanceId } from '../../src/domain/ids.ts';
import type { Observed } from '../../src/domain/rollout.ts';
import { markInstanceDeleted } from '../../src/store/instances.ts';
import type { Store, Tx } from '../../src/store/open.ts';
import { upsertReplicas } from '../../src/store/replicas.ts';
import { insertRollout, listUnretiredRolloutsOf, markRolloutRetired } from '../../src/store/rollouts.ts';
import { findWatched, listSeenTexts, listWatched, textOf } from '../../src/store/watched.ts';
import { databases } from './databases.ts';
import { aProject, storeInstance } from './records.ts';

async function storeWithRollouts(tx: Tx, id: InstanceId, count: number): Promise<void> {
  const { requestedRelease: release, project } = await storeInstance(tx, { id });
  for (let n = 0; n < count; n += 1)
    await insertRollout(tx, { instance: id, release, project, createTime: 1_000 });
}

async function walked(
  store: Store,
  { areAll, limit, after }: { areAll: boolean; limit: number; after?: string | undefined },
): Promise<readonly string[]> {
  const from = after === undefined ? undefined : instanceId(after);
  const page = await listWatched(store.read, { driver: 'process', areAll, limit, after: from });
  return page.map(({ id }) => String(id));
}

for (const { name, create } of databases()) {
  test(`${name}: all live instances are walked in steps`, async (t) => {
    const store = await (await create(t)).open();
    await store.write(async (tx) => {
      for (const id of ['1', '2', '3', '4', '5']) await storeInstance(tx, { id: instanceId(id) });
      await markInstanceDeleted(tx, instanceId('3'), 5_000);
    });
    const first = await walked(store, { areAll: true, limit: 3 });
    const second = await walked(store, { areAll: true, limit: 3, after: first.at(-1) });
    assert.deepEqual([first, second], [['1', '2', '4'], ['5']]);
    assert.equal((await findWatched(store.read, instanceId('3')))?.isDeleted, true);
  });

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
    const listed = (limit: number, after?: string) => walked(store, { areAll: false, limit, after });
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
    const texts = new Map([[instanceId('2'), textOf([observed])]]);
    assert.deepEqual(await listSeenTexts(store.read, of), texts);
    assert.deepEqual(await listUnretiredRolloutsOf(store.read, of), new Map([[instanceId('3'), [2]]]));
  });
}
