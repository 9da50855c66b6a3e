import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReleaseId } from '../../src/domain/ids.ts';
import { updateInstance } from '../../src/store/instances.ts';
import { deleteReleasesDroppedBefore, deleteRolloutsRetiredBefore } from '../../src/store/history.ts';
import { findRelease, insertRelease, serveRelease } from '../../src/store/releases.ts';
import { findRollout, insertRollout, markRolloutRetired } from '../../src/store/rollouts.ts';
import { databases } from './databases.ts';
import { aContent, aNewRelease, storeInstance } from './records.ts';

const LONG_AGO = 2_000;
const BATCH = 100;

for (const kind of databases()) {
  test(`${kind.name}: old rollouts and releases go, but for what serves, is asked for, or can be rolled back to`, async (t) => {
    const store = await (await kind.create(t)).open();
    const instance = await store.write((tx) => storeInstance(tx));
    const release = (label: string) =>
      store.write(async (tx) => {
        const made = aNewRelease(instance, { content: aContent({ label }) });
        await insertRelease(tx, made);
        return made.id;
      });
    const rollout = (of: ReleaseId) =>
      store.write((tx) =>
        insertRollout(tx, {
          instance: instance.id,
          project: instance.project,
          release: of,
          createTime: 1_000,
        }),
      );
    const serve = async (of: ReleaseId) => {
      const number = await rollout(of);
      await store.write((tx) =>
        serveRelease(tx, { instance: instance.id, release: of, rollout: number, time: 1_000, keep: 1 }),
      );
      return number;
    };
    const retire = (number: number) =>
      store.write((tx) => markRolloutRetired(tx, instance.id, number, 1_500));

    const [dropped, kept, serving, failed, asked] = [
      await release('dropped'),
      await release('kept'),
      await release('serving'),
      await release('failed'),
      await release('asked'),
    ];
    const [first, second, third] = [await serve(dropped), await serve(kept), await serve(serving)];
    const fourth = await rollout(failed);
    const rolling = { rollout: await rollout(asked), ready: 0, kept: 0 };
    // What serves has no replicas either where its instance is stopped, and what rolls none yet.
    for (const number of [first, second, third, fourth, rolling.rollout]) await retire(number);
    await store.write((tx) => updateInstance(tx, instance.id, { requestedRelease: asked, rolling }));

    const collect = () =>
      store.write(async (tx) => [
        await deleteRolloutsRetiredBefore(tx, LONG_AGO, BATCH),
        await deleteReleasesDroppedBefore(tx, LONG_AGO, BATCH),
      ]);
    const early = await store.write(async (tx) => [
      await deleteRolloutsRetiredBefore(tx, 1_000, BATCH),
      await deleteReleasesDroppedBefore(tx, 1_000, BATCH),
    ]);
    assert.deepEqual(early, [0, 0], 'what is young stays');

    // The release that the instance was made with never served either.
    assert.deepEqual(await collect(), [3, 3]);
    assert.deepEqual(await collect(), [0, 0]);
    const isThere = async (id: ReleaseId) => (await findRelease(store.read, id)) !== undefined;
    assert.deepEqual(await Promise.all([dropped, kept, serving, failed, asked].map(isThere)), [
      false,
      true,
      true,
      false,
      true,
    ]);
    assert.ok(await findRollout(store.read, instance.id, third));
    assert.ok(await findRollout(store.read, instance.id, rolling.rollout));
    assert.equal(await rollout(serving), rolling.rollout + 1, 'a number came again');
  });
}
