import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { componentId, environmentId, hostId, jobId, projectId } from '../../src/domain/ids.ts';
import { UniqueViolation } from '../../src/store/faults.ts';
import { isHostNameTaken, nextUid } from '../../src/store/instance-claims.ts';
import { countInstances, listInstances, listInstancesOfComponents } from '../../src/store/instance-lists.ts';
import {
  deleteInstancesGoneBefore,
  findInstance,
  findInstanceEvenDeleted,
  type Instance,
  lockInstance,
  markInstanceDeleted,
  updateInstance,
} from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import type { Paging } from '../../src/store/paging.ts';
import { unique } from '../../src/store/tables.ts';
import { databases } from './databases.ts';
import { insertRollout, markRolloutRetired } from '../../src/store/rollouts.ts';
import { aProject, storeInstance } from './records.ts';
import { cases, seedOf } from './seeds.ts';

const violates = (constraint: string) => (error: unknown) =>
  error instanceof UniqueViolation && error.constraint === constraint;

async function walk(
  store: Store,
  component: string,
  paging: Paging & { readonly limit: number },
): Promise<readonly Instance[]> {
  const all: Instance[] = [];
  for (let offset = 0; ; offset += paging.limit) {
    const filter = { project: aProject, component: componentId(component) };
    const { count, items } = await listInstances(store.read, filter, { ...paging, offset });
    all.push(...items);
    if (items.length === 0) {
      assert.equal(count, all.length);
      return all;
    }
  }
}

for (const { name, create } of databases()) {
  test(`${name}: an instance comes back as it was stored`, async (t) => {
    const store = await (await create(t)).open();
    const stored = await store.write((tx) =>
      storeInstance(tx, {
        description: '',
        hosts: [hostId('h1'), hostId('h2')],
        uid: 20_001,
        activity: 'creating',
      }),
    );
    assert.deepEqual(await findInstance(store.read, stored.id), {
      ...stored,
      health: { healthy: 0, observable: true },
      updateTime: stored.createTime,
    });
  });

  test(`${name}: an instance is found inside its own parents only`, async (t) => {
    const store = await (await create(t)).open();
    const { id, project, application, component } = await store.write((tx) => storeInstance(tx));
    assert(await findInstance(store.read, id, { project, application, component }));
    assert.equal(await findInstance(store.read, id, { project: projectId('other') }), undefined);
    assert.equal(await findInstance(store.read, id, { project, component: componentId('other') }), undefined);
    assert.equal(await store.write((tx) => lockInstance(tx, id, { project: projectId('other') })), undefined);
  });

  test(`${name}: an update changes what it names, and null clears`, async (t) => {
    const store = await (await create(t)).open();
    const { id } = await store.write((tx) => storeInstance(tx, { description: 'old', activity: 'creating' }));
    const before = await findInstance(store.read, id);
    assert(before);
    await store.write((tx) =>
      updateInstance(tx, id, {
        description: null,
        activity: null,
        replicas: 3,
        health: { healthy: 2, observable: false, detail: 'the supervisor does not answer' },
        notes: { enforced: ['memory'], runtimeVersion: 'Node.js 24.21.0' },
        lastJob: jobId('job-1'),
        updateTime: 2_000,
      }),
    );
    const { description: _, activity: __, ...rest } = before;
    const expected = {
      ...rest,
      replicas: 3,
      health: { healthy: 2, observable: false, detail: 'the supervisor does not answer' },
      notes: { enforced: ['memory'], runtimeVersion: 'Node.js 24.21.0' },
      lastJob: jobId('job-1'),
      updateTime: 2_000,
    };
    assert.deepEqual(await findInstance(store.read, id), expected);
    await store.write((tx) => updateInstance(tx, id, {}));
    await store.write((tx) => updateInstance(tx, id, { health: { healthy: 3, observable: true } }));
    assert.deepEqual((await findInstance(store.read, id))?.health, { healthy: 3, observable: true });
  });

  test(`${name}: names, hosts and users are unique among live instances and free after a deletion`, async (t) => {
    const store = await (await create(t)).open();
    const first = await store.write((tx) =>
      storeInstance(tx, { name: 'web', hostName: 'web.localhost', uid: 20_001 }),
    );
    const insert = (changes: Parameters<typeof storeInstance>[1]) =>
      store.write((tx) => storeInstance(tx, changes));
    await assert.rejects(insert({ name: 'web' }), violates(unique.instanceName));
    await assert.rejects(insert({ hostName: 'web.localhost' }), violates(unique.hostName));
    await assert.rejects(insert({ uid: 20_001 }), violates(unique.uid));
    await insert({ name: 'web', environment: environmentId('environment-2') });
    await insert({ name: 'web', project: projectId('project-2') });

    await store.write((tx) => markInstanceDeleted(tx, first.id, 5_000));
    await insert({ name: 'web', hostName: 'web.localhost', uid: 20_001 });
    assert.equal(await findInstance(store.read, first.id), undefined);
    assert.equal((await findInstanceEvenDeleted(store.read, first.id))?.deleteTime, 5_000);
  });

  test(`${name}: the row of a deleted instance goes after its time, with its releases`, async (t) => {
    const store = await (await create(t)).open();
    const [early, late, live] = await store.write(async (tx) => [
      await storeInstance(tx),
      await storeInstance(tx),
      await storeInstance(tx),
    ]);
    assert(early && late && live);
    await store.write((tx) => markInstanceDeleted(tx, early.id, 5_000));
    await store.write((tx) => markInstanceDeleted(tx, late.id, 6_000));
    assert.equal(await store.write((tx) => deleteInstancesGoneBefore(tx, 6_000, 10)), 1);
    assert.equal(await findInstanceEvenDeleted(store.read, early.id), undefined);
    assert(await findInstanceEvenDeleted(store.read, late.id));
    const releases = await store.read.selectFrom('releases').select('instance_id').execute();
    assert.deepEqual(releases.map((row) => row.instance_id).toSorted(), [late.id, live.id].toSorted());
  });

  test(`${name}: pages of instances hold each live one once, in order, whatever the ties`, async (t) => {
    const store = await (await create(t)).open();
    const few = fc.constantFrom('a', 'B', 'b', 'ä', '_');
    const shape = fc.record({
      createTime: fc.integer({ min: 1, max: 3 }),
      name: few,
      isDeleted: fc.boolean(),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(shape, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('create_time', 'name', 'update_time', 'version'),
        fc.constantFrom('asc', 'desc'),
        async (shapes, limit, orderBy, order) => {
          const component = `component-of-run-${(run += 1)}`;
          const live: { readonly id: string; readonly key: string }[] = [];
          await store.write(async (tx) => {
            for (const [at, { createTime, name: prefix, isDeleted }] of shapes.entries()) {
              const { id, ...one } = await storeInstance(tx, {
                component: componentId(component),
                createTime,
                name: `${prefix}-${run}-${at % 2 === 0 ? at : at - 1}`,
                environment: environmentId(`environment-${at}`),
              });
              if (isDeleted) await markInstanceDeleted(tx, id, 9_000);
              const keys = {
                name: one.name,
                create_time: `${createTime}`,
                update_time: `${createTime}`,
                version: '',
              };
              if (!isDeleted) live.push({ id, key: keys[orderBy] });
            }
          });
          const bytes = (one: { readonly id: string; readonly key: string }) =>
            Buffer.from(`${one.key}\0${one.id}`);
          const expected = live.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b))).map((one) => one.id);
          const found = await walk(store, component, { limit, offset: 0, orderBy, order });
          assert.deepEqual(
            found.map((one) => one.id),
            order === 'asc' ? expected : expected.toReversed(),
          );
        },
      ),
      { seed: seedOf(t), numRuns: cases },
    );
  });

  test(`${name}: a limit of 0 gives no item and the true count, an offset past the end none`, async (t) => {
    const store = await (await create(t)).open();
    await store.write(async (tx) => [await storeInstance(tx), await storeInstance(tx)]);
    const paging = { offset: 0, orderBy: 'create_time', order: 'desc' } as const;
    const filter = { project: aProject };
    assert.deepEqual(await listInstances(store.read, filter, { ...paging, limit: 0 }), {
      count: 2,
      items: [],
    });
    assert.deepEqual(await listInstances(store.read, filter, { ...paging, offset: 7 }), {
      count: 2,
      items: [],
    });
    assert.equal((await listInstances(store.read, filter, paging)).items.length, 2);
    assert.equal(await countInstances(store.read, { ...filter, environment: environmentId('other') }), 0);
  });

  test(`${name}: instances are grouped by component, also for one without any`, async (t) => {
    const store = await (await create(t)).open();
    const [a, b] = [componentId('a'), componentId('b')];
    const stored = await store.write((tx) => storeInstance(tx, { component: a }));
    const byComponent = await listInstancesOfComponents(store.read, aProject, [a, b]);
    assert.deepEqual(
      byComponent.get(a)?.map((one) => one.id),
      [stored.id],
    );
    assert.deepEqual(byComponent.get(b), []);
  });

  test(`${name}: users rise through their range, fill gaps after its end, and run out with a sentence`, async (t) => {
    const store = await (await create(t)).open();
    const range = { from: 10, to: 12 };
    const take = () =>
      store.write(async (tx) => {
        const uid = await nextUid(tx, range);
        return storeInstance(tx, { uid });
      });
    const taken = await Promise.all([take(), take(), take()]);
    assert.deepEqual(taken.map((one) => one.uid).toSorted(), [10, 11, 12]);
    await assert.rejects(take(), /users from 10 to 12 are in use/);
    const middle = taken.find((one) => one.uid === 11);
    assert(middle);
    await store.write((tx) => markInstanceDeleted(tx, middle.id, 5_000));
    assert.equal((await take()).uid, 11);
  });

  test(`${name}: a user that was given up is the last to be given away again`, async (t) => {
    const store = await (await create(t)).open();
    const take = () =>
      store.write(async (tx) => storeInstance(tx, { uid: await nextUid(tx, { from: 10, to: 12 }) }));
    const given: unknown[] = [];
    for (let n = 0; n < 7; n += 1) {
      const one = await take();
      given.push(one.uid);
      // Also once nothing of it is on record any more.
      await store.write((tx) => tx.deleteFrom('instances').where('id', '=', one.id).execute());
    }
    assert.deepEqual(given, [10, 11, 12, 10, 11, 12, 10]);
  });

  test(`${name}: a user is not given away as long as something of its deleted instance may run`, async (t) => {
    const store = await (await create(t)).open();
    const range = { from: 10, to: 10 };
    const take = () => store.write(async (tx) => storeInstance(tx, { uid: await nextUid(tx, range) }));
    const first = await take();
    const { id: instance, project, requestedRelease: release } = first;
    const rollout = await store.write((tx) =>
      insertRollout(tx, { instance, project, release, createTime: 1 }),
    );
    await store.write((tx) => markInstanceDeleted(tx, instance, 5_000));
    await assert.rejects(take(), /users from 10 to 10 are in use/);
    await store.write((tx) => markRolloutRetired(tx, instance, rollout, 6_000));
    assert.equal((await take()).uid, 10);
  });

  test(`${name}: users that are taken at once differ, whatever was taken before`, async (t) => {
    const store = await (await create(t)).open();
    const take = () =>
      store.write(async (tx) => storeInstance(tx, { uid: await nextUid(tx, { from: 10, to: 99 }) }));
    await take();
    const uids = await Promise.all(Array.from({ length: 8 }, async () => (await take()).uid));
    assert.deepEqual(uids.toSorted(), [11, 12, 13, 14, 15, 16, 17, 18]);
  });

  test(`${name}: works that lock an instance decide one after the other`, async (t) => {
    const store = await (await create(t)).open();
    const { id } = await store.write((tx) => storeInstance(tx, { replicas: 0 }));
    const add = () =>
      store.write(async (tx) => {
        const instance = await lockInstance(tx, id);
        assert(instance);
        await updateInstance(tx, id, { replicas: instance.replicas + 1 });
      });
    await Promise.all(Array.from({ length: 10 }, add));
    assert.equal((await findInstance(store.read, id))?.replicas, 10);
  });

  test(`${name}: a host is taken as long as an instance that bears it lives`, async (t) => {
    const store = await (await create(t)).open();
    const { id, hostName } = await store.write((tx) => storeInstance(tx));
    assert.equal(await isHostNameTaken(store.read, hostName), true);
    await store.write((tx) => markInstanceDeleted(tx, id, 5_000));
    assert.equal(await isHostNameTaken(store.read, hostName), false);
  });
}
