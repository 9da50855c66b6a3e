import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildKey, digest, type ReleaseId } from '../../src/domain/ids.ts';
import {
  deleteUnnamedArtifact,
  findArtifact,
  isNamedByLaunch,
  listNamedBuilds,
  listNamedDigests,
  listUnnamedArtifacts,
  recordArtifact,
  touchArtifact,
} from '../../src/store/artifacts.ts';
import { markInstanceDeleted, updateInstance } from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import { deletePackage, findPackage, listPackages, putPackage } from '../../src/store/packages.ts';
import { insertRelease, serveRelease, updateRelease } from '../../src/store/releases.ts';
import { insertRollout, markRolloutRetired } from '../../src/store/rollouts.ts';
import { databases } from './databases.ts';
import { aNewRelease, aProject, aRolloutContent, storeInstance } from './records.ts';

const record = (store: Store, name: string, time = 1_000) =>
  store.write((tx) => recordArtifact(tx, { digest: digest(name), size: 3, time }));

const unnamed = async (store: Store, unusedSince = 9_000) =>
  (await listUnnamedArtifacts(store.read, unusedSince, 10)).map((one) => one.digest);

const address = { name: 'web', version: '1.0', file: 'web.zip' };

const allBuilds = ['b1', 'b2', 'b3', 'b4', 'b5'].map(buildKey);

for (const { name, create } of databases()) {
  test(`${name}: an artifact is recorded once, and its use is noted`, async (t) => {
    const store = await (await create(t)).open();
    await record(store, 'a', 1_000);
    await record(store, 'a', 2_000);
    assert.deepEqual(await findArtifact(store.read, digest('a')), {
      digest: 'a',
      size: 3,
      createTime: 1_000,
      useTime: 2_000,
    });
    await store.write((tx) => touchArtifact(tx, digest('a'), 3_000));
    assert.deepEqual(await unnamed(store, 3_000), []);
    assert.deepEqual(await unnamed(store, 3_001), ['a']);
  });

  test(`${name}: an artifact is named as long as a package bears it`, async (t) => {
    const store = await (await create(t)).open();
    const put = (content: string, time: number) =>
      store.write((tx) =>
        putPackage(tx, {
          ...address,
          project: aProject,
          digest: digest(content),
          size: 3,
          creator: 'admin',
          time,
        }),
      );
    await record(store, 'a');
    await record(store, 'b');
    assert.equal(await put('a', 1_000), true);
    assert.deepEqual(await unnamed(store), ['b']);
    assert.equal(await put('b', 2_000), false);
    assert.deepEqual(await unnamed(store), ['a']);
    const found = await findPackage(store.read, aProject, address);
    assert.deepEqual([found?.digest, found?.createTime, found?.updateTime], ['b', 1_000, 2_000]);
    assert.equal((await listPackages(store.read, aProject, { offset: 0 }, 'web')).count, 1);
    assert.equal((await listPackages(store.read, aProject, { offset: 0 }, 'other')).count, 0);
    const drop = () => store.write((tx) => deletePackage(tx, aProject, address));
    assert.deepEqual([await drop(), await drop()], [true, false]);
    assert.deepEqual(await unnamed(store), ['a', 'b']);
  });

  test(`${name}: what a kept, serving or requested release of a live instance names stays`, async (t) => {
    const store = await (await create(t)).open();
    for (const one of ['d1', 'd2', 'd3', 'd4', 'd5']) await record(store, one);
    const instance = await store.write((tx) => storeInstance(tx));
    const releases: ReleaseId[] = [];
    for (const at of [1, 2, 3, 4]) {
      releases.push(
        await store.write(async (tx) => {
          const release = aNewRelease(instance);
          await insertRelease(tx, release);
          await updateRelease(tx, release.id, { digest: digest(`d${at}`), build: buildKey(`b${at}`) });
          const rollout = await insertRollout(tx, {
            instance: instance.id,
            project: aProject,
            release: release.id,
            createTime: at,
          });
          if (at <= 3)
            await serveRelease(tx, {
              instance: instance.id,
              release: release.id,
              rollout,
              time: at,
              keep: 1,
            });
          await markRolloutRetired(tx, instance.id, rollout, at);
          return release.id;
        }),
      );
    }
    // 3 serves, 2 is kept, 1 was dropped, 4 never served; an artifact without a release is d5.
    assert.deepEqual(await unnamed(store), ['d1', 'd4', 'd5']);
    assert.deepEqual([...(await listNamedDigests(store.read))].toSorted(), ['d2', 'd3']);
    assert.deepEqual([...(await listNamedBuilds(store.read, allBuilds))].toSorted(), ['b2', 'b3']);

    const fourth = releases[3];
    assert(fourth);
    await store.write((tx) => updateInstance(tx, instance.id, { requestedRelease: fourth }));
    assert.deepEqual(await unnamed(store), ['d1', 'd5']);
    assert.deepEqual([...(await listNamedBuilds(store.read, allBuilds))].toSorted(), ['b2', 'b3', 'b4']);

    await store.write((tx) => markInstanceDeleted(tx, instance.id, 5_000));
    assert.deepEqual(await unnamed(store), ['d1', 'd2', 'd3', 'd4', 'd5']);
    assert.equal((await listNamedBuilds(store.read, allBuilds)).size, 0);
  });

  test(`${name}: a build stays as long as a rollout of it is not retired, also of a deleted instance`, async (t) => {
    const store = await (await create(t)).open();
    const instance = await store.write((tx) => storeInstance(tx));
    const rollout = await store.write(async (tx) => {
      await updateRelease(tx, instance.requestedRelease, { build: buildKey('b1') });
      return insertRollout(tx, {
        instance: instance.id,
        project: aProject,
        release: instance.requestedRelease,
        createTime: 1,
      });
    });
    await store.write((tx) => markInstanceDeleted(tx, instance.id, 5_000));
    assert.deepEqual([...(await listNamedBuilds(store.read, allBuilds))], ['b1']);
    await store.write((tx) => markRolloutRetired(tx, instance.id, rollout, 6_000));
    assert.deepEqual([...(await listNamedBuilds(store.read, allBuilds))], []);
  });

  test(`${name}: a path that a release starts from is known, whatever signs are in it`, async (t) => {
    const store = await (await create(t)).open();
    const path = (dir: string) => `${dir}/node/v22.0.0/node`;
    const dirs = ['/srv/a%b_c', '/srv/it"s', '/srv/back\\slash', '/srv/a!b'];
    for (const dir of dirs) {
      assert.equal(await isNamedByLaunch(store.read, path(dir)), false, dir);
      const { launch } = aRolloutContent().workload;
      await store.write(async (tx) => {
        const { requestedRelease } = await storeInstance(tx);
        await updateRelease(tx, requestedRelease, { launch: { ...launch, argv: [path(dir), 'server.js'] } });
      });
      assert.equal(await isNamedByLaunch(store.read, path(dir)), true, dir);
    }
    for (const other of ['/srv/aXXb_c', '/srv/a%bXc', '/srv/a%b_', '/srv/its'])
      assert.equal(await isNamedByLaunch(store.read, path(other)), false, other);
  });

  test(`${name}: an artifact that got a name since it was listed is not forgotten`, async (t) => {
    const store = await (await create(t)).open();
    await record(store, 'a');
    await record(store, 'b');
    assert.deepEqual(await unnamed(store), ['a', 'b']);
    await store.write((tx) =>
      putPackage(tx, {
        ...address,
        project: aProject,
        digest: digest('a'),
        size: 3,
        creator: 'admin',
        time: 1,
      }),
    );
    const forget = (one: string) => store.write((tx) => deleteUnnamedArtifact(tx, digest(one), 9_000));
    assert.deepEqual([await forget('a'), await forget('b'), await forget('b')], [false, true, false]);
    assert(await findArtifact(store.read, digest('a')));
  });
}
