import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { buildKey, digest, type InstanceId, type ReleaseId } from '../../src/domain/ids.ts';
import { isNamedByLaunch } from '../../src/store/artifacts.ts';
import { findInstance, updateInstance } from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import {
  findRelease,
  findRollbackTarget,
  insertRelease,
  listReleases,
  listSnapshots,
  serveRelease,
  updateRelease,
} from '../../src/store/releases.ts';
import {
  findRollout,
  findRolloutContent,
  insertRollout,
  keepRolloutContent,
  listUnretiredRollouts,
  markRolloutRetired,
} from '../../src/store/rollouts.ts';
import { databases } from './databases.ts';
import { aContent, aNewRelease, aRolloutContent, storeInstance } from './records.ts';
import { cases, seedOf } from './seeds.ts';

type Fixture = Awaited<ReturnType<typeof fixture>>;
const newest = { offset: 0, orderBy: 'create_time', order: 'desc' } as const;

async function fixture(store: Store, keep = 20) {
  const instance = await store.write((tx) => storeInstance(tx));
  const insert = (label: string) =>
    store.write(async (tx) => {
      const release = aNewRelease(instance, { content: aContent({ label }) });
      await insertRelease(tx, release);
      return release.id;
    });
  let time = 1_000;
  const serve = (release: ReleaseId) =>
    store.write(async (tx) => {
      const rollout = await insertRollout(tx, {
        instance: instance.id,
        project: instance.project,
        release,
        createTime: time,
      });
      return serveRelease(tx, { instance: instance.id, release, rollout, time: (time += 1), keep });
    });
  const deploy = async (label: string) => {
    const id = await insert(label);
    return { id, number: await serve(id) };
  };
  const snapshots = async () =>
    (await listSnapshots(store.read, instance.id, newest)).items.map((one) => one.number);
  return { instance, insert, serve, deploy, snapshots };
}

async function deployAll({ deploy }: Fixture, labels: readonly string[]): Promise<void> {
  for (const label of labels) await deploy(label);
}

for (const { name, create } of databases()) {
  test(`${name}: a release is numbered when it first serves, and keeps its number when it serves again`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, deploy, serve, insert } = await fixture(store);
    const first = await deploy('1.0');
    await insert('never served');
    const second = await deploy('2.0');
    assert.deepEqual([first.number, second.number, await serve(first.id)], [1, 2, 1]);
    const row = await findInstance(store.read, instance.id);
    assert.equal(row?.servingRelease, first.id);
    assert.equal(row?.servingRollout, 3);
  });

  test(`${name}: lists are ordered by the label of what serves, else of what was asked for`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, insert, serve } = await fixture(store);
    const label = async () => {
      const row = await store.read.selectFrom('instances').select('label').executeTakeFirst();
      return row?.label;
    };
    const request = (release: ReleaseId) =>
      store.write((tx) => updateInstance(tx, instance.id, { requestedRelease: release }));
    const first = await insert('1.0');
    const second = await insert('2.0');
    await request(first);
    assert.equal(await label(), '1.0');
    await request(second);
    assert.equal(await label(), '2.0');
    await serve(first);
    assert.equal(await label(), '1.0');
    await request(second);
    assert.equal(await label(), '1.0', 'what serves is shown');
    await store.write((tx) => updateInstance(tx, instance.id, { servingRelease: null }));
    assert.equal(await label(), '2.0');
  });

  test(`${name}: numbers stay dense when many serve at once and some of those fail`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, insert } = await fixture(store);
    const releases: ReleaseId[] = [];
    for (let at = 0; at < 16; at += 1) releases.push(await insert(`${at}`));
    const results = await Promise.allSettled(
      releases.map((release, at) =>
        store.write(async (tx) => {
          const number = await serveRelease(tx, {
            instance: instance.id,
            release,
            rollout: at,
            time: at,
            keep: 20,
          });
          if (at % 3 === 0) throw new Error('on purpose');
          return number;
        }),
      ),
    );
    const numbers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      numbers.map((_, at) => at + 1),
    );
    assert.equal(numbers.length, 10);
  });

  test(`${name}: rollouts that are made at once get numbers of their own`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, insert } = await fixture(store);
    const release = await insert('1.0');
    const made = await Promise.all(
      Array.from({ length: 12 }, () =>
        store.write((tx) =>
          insertRollout(tx, { instance: instance.id, project: instance.project, release, createTime: 1 }),
        ),
      ),
    );
    assert.deepEqual(
      made.toSorted((a, b) => a - b),
      Array.from({ length: 12 }, (_, at) => at + 1),
    );
  });

  test(`${name}: what a rollout is given is kept once, until it is retired`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, deploy } = await fixture(store);
    await deploy('1.0');
    const first = { content: aRolloutContent(), resourceEnv: [] };
    const later = { content: aRolloutContent({ graceMs: 1 }), resourceEnv: [] };
    for (const kept of [first, later])
      await store.write((tx) => keepRolloutContent(tx, instance.id, 1, kept));
    assert.deepEqual(await findRolloutContent(store.read, instance.id, 1), first.content);
    await store.write((tx) => markRolloutRetired(tx, instance.id, 1, 7_000));
    assert.equal(await findRolloutContent(store.read, instance.id, 1), undefined);
  });

  test(`${name}: a retired rollout is no longer listed, and its number is not used again`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, deploy } = await fixture(store);
    await deploy('1.0');
    await deploy('2.0');
    await store.write((tx) => markRolloutRetired(tx, instance.id, 2, 7_000));
    assert.deepEqual(
      (await listUnretiredRollouts(store.read, instance.id)).map((one) => one.number),
      [1],
    );
    assert.equal((await findRollout(store.read, instance.id, 2))?.retireTime, 7_000);
    await deploy('3.0');
    assert.deepEqual(
      (await listUnretiredRollouts(store.read, instance.id)).map((one) => one.number),
      [1, 3],
    );
  });

  test(`${name}: snapshots are what once served, newest first, without the one that serves`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, deploy, insert, serve, snapshots } = await fixture(store);
    assert.deepEqual(await snapshots(), []);
    const first = await deploy('b');
    assert.deepEqual(await snapshots(), []);
    await deploy('a');
    await insert('never served');
    await deploy('c');
    assert.deepEqual(await snapshots(), [2, 1]);
    await serve(first.id);
    assert.deepEqual(await snapshots(), [3, 2]);

    const page = (paging: object) => listSnapshots(store.read, instance.id, { ...newest, ...paging });
    const numbers = async (paging: object) => (await page(paging)).items.map((one) => one.number);
    assert.deepEqual(await numbers({ order: 'asc' }), [2, 3]);
    assert.deepEqual(await numbers({ orderBy: 'version', order: 'asc' }), [2, 3]);
    assert.deepEqual(await numbers({ orderBy: 'version', order: 'desc' }), [3, 2]);
    assert.deepEqual(await numbers({ limit: 1, offset: 1 }), [2]);
    assert.equal((await page({ limit: 0 })).count, 2);
  });

  test(`${name}: as many snapshots as are kept can be listed, and what serves is kept however old`, async (t) => {
    const store = await (await create(t)).open();
    const { instance, deploy, serve, snapshots } = await fixture(store, 2);
    const [first] = [await deploy('1'), await deploy('2'), await deploy('3'), await deploy('4')];
    assert(first);
    assert.deepEqual(await snapshots(), [3, 2]);
    assert.equal((await findRollbackTarget(store.read, instance.id, '1')).found, 'none');
    const second = await findRollbackTarget(store.read, instance.id, '2');
    assert(second.found === 'snapshot');
    await serve(second.release.id);
    assert.deepEqual(await snapshots(), [4, 3]);
    await deploy('5');
    assert.deepEqual(await snapshots(), [4, 3]);
    assert.equal((await findRelease(store.read, second.release.id))?.isKept, false);
    assert.equal((await findRelease(store.read, first.id))?.isKept, false);
  });

  test(`${name}: a text names the newest label that does not serve, then the serving one, then a number`, async (t) => {
    const store = await (await create(t)).open();
    const fixed = await fixture(store);
    const { instance, serve } = fixed;
    await deployAll(fixed, ['1.0', '2.0', '1.0', '2']);
    const find = async (text: string) => {
      const target = await findRollbackTarget(store.read, instance.id, text);
      return target.found === 'none' ? 'none' : `${target.found} ${target.release.number}`;
    };
    assert.equal(await find('1.0'), 'snapshot 3');
    assert.equal(await find('2.0'), 'snapshot 2');
    assert.equal(await find('2'), 'serving 4'); // A label, although there is a number 2.
    assert.equal(await find('1'), 'snapshot 1');
    assert.equal(await find('4'), 'serving 4');
    assert.equal(await find('5'), 'none');
    assert.equal(await find('01'), 'none');
    assert.equal(await find('99999999999999999999'), 'none');
    assert.equal(await find(''), 'none');
    const third = await findRollbackTarget(store.read, instance.id, '3');
    assert(third.found === 'snapshot');
    await serve(third.release.id);
    assert.equal(await find('1.0'), 'snapshot 1');
  });

  test(`${name}: whatever is deployed and rolled back to, what is listed can be rolled back to and numbers are dense`, async (t) => {
    const store = await (await create(t)).open();
    const step = fc.oneof(
      fc.record({ deploy: fc.constantFrom('1', '2', 'x') }),
      fc.record({ back: fc.nat({ max: 4 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 10 }),
        fc.integer({ min: 0, max: 3 }),
        async (steps, keep) => {
          const { instance, deploy, serve } = await fixture(store, keep);
          let served = 0;
          for (const one of steps) {
            const { items, count } = await listSnapshots(store.read, instance.id, newest);
            assert(count <= keep && items.length === count);
            if ('deploy' in one) assert.equal((await deploy(one.deploy)).number, (served += 1));
            const target = 'back' in one ? items[one.back] : undefined;
            if (target) assert.equal(await serve(target.id), target.number);
          }
          for (const { content } of (await listSnapshots(store.read, instance.id, newest)).items) {
            assert.equal(
              (await findRollbackTarget(store.read, instance.id, content.label)).found,
              'snapshot',
            );
          }
        },
      ),
      { seed: seedOf(t), numRuns: Math.ceil(cases / 4) },
    );
  });

  test(`${name}: a release is filled in while it is in the making and never changes once it served`, async (t) => {
    const store = await (await create(t)).open();
    const { insert, serve } = await fixture(store);
    const id = await insert('1.0');
    const launch = {
      argv: ['/bin/true'],
      cwd: '{{releaseDir}}',
      env: {},
      portVariables: [],
      files: [],
      runtimeVersion: 'none',
    };
    await store.write((tx) => updateRelease(tx, id, { digest: digest('d1') }));
    await store.write((tx) => updateRelease(tx, id, { build: buildKey('b1'), launch }));
    await serve(id);
    await store.write((tx) => updateRelease(tx, id, { digest: digest('d2'), build: buildKey('b2') }));
    const found = await findRelease(store.read, id);
    assert.deepEqual([found?.digest, found?.build, found?.launch], ['d1', 'b1', launch]);
    assert.equal(await isNamedByLaunch(store.read, launch.argv[0] ?? ''), true);
    assert.equal(await isNamedByLaunch(store.read, '/data/node/v9_9.9/node'), false);
    assert.deepEqual([...(await listReleases(store.read, [id, id])).keys()], [id]);
  });

  test(`${name}: a release of another instance does not serve`, async (t) => {
    const store = await (await create(t)).open();
    const [one, other] = [await fixture(store), await fixture(store)];
    const release = await other.insert('1.0');
    const serve = (instance: InstanceId) =>
      store.write((tx) => serveRelease(tx, { instance, release, rollout: 1, time: 1, keep: 20 }));
    await assert.rejects(serve(one.instance.id), /does not belong to instance/);
  });
}
