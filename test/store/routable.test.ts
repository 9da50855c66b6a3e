import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostId, type InstanceId, projectId } from '../../src/domain/ids.ts';
import type { Observed } from '../../src/domain/rollout.ts';
import { claimHosts, findHostOwner } from '../../src/store/host-claims.ts';
import { markInstanceDeleted, type NewInstance, updateInstance } from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import { insertRelease, serveRelease } from '../../src/store/releases.ts';
import { forgetReplicas, recordLook } from '../../src/store/observations.ts';
import { deleteReplicasOfInstance, listReplicas, upsertReplicas } from '../../src/store/replicas.ts';
import { listRoutable } from '../../src/store/routable.ts';
import { databases } from './databases.ts';
import { aContent, aNewRelease, aProject, storeInstance } from './records.ts';

const seen = (
  instance: InstanceId,
  rollout: number,
  ordinal: number,
  changes: Partial<Observed> = {},
): Observed => ({
  instance,
  rollout,
  ordinal,
  host: hostId('host-1'),
  address: { host: '127.0.0.1', port: 20_000 + 10 * rollout + ordinal },
  state: 'running',
  restarts: 0,
  readiness: { ready: true, code: 'ready', saw: 'HTTP 200' },
  enforced: [],
  runtimeVersion: 'Node.js 24.21.0',
  ...changes,
});

/** Serves a release that names these hosts, as its instance's given rollout. */
const serve = (
  store: Store,
  instance: NewInstance,
  rollout: number,
  hosts: readonly string[] = [],
  keep = 20,
) =>
  store.write(async (tx) => {
    const externalAccesses = hosts.map((address) => ({ id: address, address, createTime: 1, updateTime: 1 }));
    const release = aNewRelease(instance, { content: aContent({ externalAccesses }) });
    const owners = await claimHosts(tx, { instance: instance.id, project: instance.project, hosts });
    await insertRelease(tx, release);
    await serveRelease(tx, { instance: instance.id, release: release.id, rollout, time: 1, keep });
    return owners;
  });

for (const { name, create } of databases()) {
  test(`${name}: a look replaces all that was seen before, unless something is known that may be newer`, async (t) => {
    const store = await (await create(t)).open();
    const { id, project } = await store.write((tx) => storeInstance(tx));
    const look = (observed: readonly Observed[], begun: number, ended: number) =>
      store.write((tx) => recordLook(tx, { id, project }, { begun, ended, seen: observed }, 1_000));
    const known = () => listReplicas(store.read, id);
    assert(await look([seen(id, 1, 1), seen(id, 1, 0), seen(id, 2, 0)], 1, 2));
    assert.deepEqual(await known(), [seen(id, 1, 0), seen(id, 1, 1), seen(id, 2, 0)]);
    const exited = seen(id, 1, 0, {
      state: 'backoff',
      lastExit: { code: 1, at: 5 },
      readiness: { ready: false, code: 'ended', saw: '' },
    });
    assert(await look([exited, seen(id, 1, 1), seen(id, 2, 0)], 3, 6));
    assert(!(await look([seen(id, 1, 0)], 5, 7)), 'of two that overlap nobody knows which is newer');
    assert(!(await look([seen(id, 1, 0)], 1, 8)), 'an old one that took long');
    assert.deepEqual(await known(), [exited, seen(id, 1, 1), seen(id, 2, 0)]);
    await store.write((tx) => forgetReplicas(tx, { instance: id, rollout: 1, keep: 1 }, 9));
    assert.deepEqual(await known(), [exited, seen(id, 2, 0)]);
    assert(!(await look([exited, seen(id, 1, 1), seen(id, 2, 0)], 8, 10)), 'asked before it ended');
    assert.deepEqual(await known(), [exited, seen(id, 2, 0)]);
    await store.write((tx) => forgetReplicas(tx, { instance: id, rollout: 2 }, 7));
    assert.deepEqual(await known(), [exited]);
    assert(await look([], 9, 11));
    assert.deepEqual(await known(), []);
    await look([exited], 12, 13);
    await store.write((tx) => deleteReplicasOfInstance(tx, id));
    await store.write((tx) => markInstanceDeleted(tx, id, 5_000));
    assert(!(await look([exited], 14, 15)), 'the instance is gone');
    assert.deepEqual(await known(), []);
  });

  test(`${name}: only ready replicas of the serving rollout within the count are routed to`, async (t) => {
    const store = await (await create(t)).open();
    const instance = await store.write((tx) => storeInstance(tx, { replicas: 2 }));
    const { id, hostName } = instance;
    const routes = async () =>
      (await listRoutable(store.read)).map((one) => [
        one.hosts,
        one.isStopped,
        one.replicas.map((r) => r.port),
      ]);
    await store.write((tx) =>
      upsertReplicas(tx, aProject, [seen(id, 1, 0), seen(id, 2, 0), seen(id, 2, 1), seen(id, 2, 2)], 1_000),
    );
    assert.deepEqual(await routes(), [[[hostName], false, []]], 'nothing serves yet');
    await serve(store, instance, 2);
    assert.deepEqual(await routes(), [[[hostName], false, [20_020, 20_021]]]);
    await store.write((tx) =>
      upsertReplicas(
        tx,
        aProject,
        [seen(id, 2, 0, { readiness: { ready: false, code: 'ended', saw: '' } })],
        1_000,
      ),
    );
    assert.deepEqual(await routes(), [[[hostName], false, [20_021]]]);
    await store.write((tx) => updateInstance(tx, id, { outOfService: 1 }));
    assert.deepEqual(await routes(), [[[hostName], false, [20_021]]]);
    await store.write((tx) => updateInstance(tx, id, { outOfService: 2 }));
    assert.deepEqual(await routes(), [[[hostName], false, []]], 'seen, but out of service');
    await store.write((tx) => updateInstance(tx, id, { outOfService: null }));
    assert.deepEqual(await routes(), [[[hostName], false, [20_021]]]);
    await store.write((tx) => updateInstance(tx, id, { wanted: 'stopped' }));
    assert.deepEqual(await routes(), [[[hostName], true, []]]);
    await store.write((tx) => updateInstance(tx, id, { wanted: 'deleted' }));
    assert.deepEqual(await routes(), []);
    await store.write((tx) => markInstanceDeleted(tx, id, 5_000));
    assert.deepEqual(await routes(), []);
  });

  test(`${name}: hosts of the serving release are routed, those that only older ones name are kept for it`, async (t) => {
    const store = await (await create(t)).open();
    const instance = await store.write((tx) => storeInstance(tx));
    await serve(store, instance, 1, ['a.example.org', 'b.example.org']);
    await serve(store, instance, 2, ['b.example.org', 'c.example.org']);
    assert.deepEqual((await listRoutable(store.read))[0]?.hosts, [
      instance.hostName,
      'b.example.org',
      'c.example.org',
    ]);
    assert.equal(await findHostOwner(store.read, 'a.example.org'), instance.id);
  });

  test(`${name}: a host belongs to its first claimant over all projects until no kept release names it`, async (t) => {
    const store = await (await create(t)).open();
    const first = await store.write((tx) => storeInstance(tx));
    const second = await store.write((tx) => storeInstance(tx, { project: projectId('other') }));
    const host = 'www.example.org';
    assert.equal((await serve(store, first, 1, [host], 1)).get(host), first.id);
    assert.equal((await serve(store, second, 1, [host])).get(host), first.id);
    assert.deepEqual((await listRoutable(store.read)).find((one) => one.id === second.id)?.hosts, [
      second.hostName,
    ]);
    await serve(store, first, 2, [], 1);
    const claim = () =>
      store.write((tx) => claimHosts(tx, { instance: second.id, project: second.project, hosts: [host] }));
    assert.equal((await claim()).get(host), first.id, 'the release before can be rolled back to');
    await serve(store, first, 3, [], 1);
    assert.equal(await findHostOwner(store.read, host), undefined);
    assert.equal((await claim()).get(host), second.id);
  });

  test(`${name}: of two that claim a host at once one has it, and the other is told who`, async (t) => {
    const store = await (await create(t)).open();
    const instances = await store.write(async (tx) => [
      await storeInstance(tx),
      await storeInstance(tx),
      await storeInstance(tx),
    ]);
    const hosts = ['x.example.org', 'y.example.org'];
    const owners = await Promise.all(
      instances.map((instance, at) => serve(store, instance, 1, at % 2 === 0 ? hosts : hosts.toReversed())),
    );
    for (const host of hosts) assert.equal(new Set(owners.map((one) => one.get(host))).size, 1);
  });

  test(`${name}: while an update in batches is on its way, replicas of both rollouts are routed to, as far as it has come`, async (t) => {
    const store = await (await create(t)).open();
    const instance = await store.write((tx) => storeInstance(tx));
    await serve(store, instance, 1);
    const changes = { wanted: 'running', replicas: 3 } as const;
    const both = [1, 2].flatMap((rollout) => [0, 1, 2].map((ordinal) => seen(instance.id, rollout, ordinal)));
    await store.write(async (tx) => {
      await updateInstance(tx, instance.id, { ...changes, rolling: { rollout: 2, ready: 1, kept: 2 } });
      await upsertReplicas(tx, aProject, both, 1);
    });
    const routed = async () =>
      (await listRoutable(store.read))[0]?.replicas.map(({ rollout, ordinal }) => `${rollout}/${ordinal}`);
    assert.deepEqual(await routed(), ['1/0', '1/1', '2/0']);
    await store.write((tx) => updateInstance(tx, instance.id, { rolling: null }));
    assert.deepEqual(await routed(), ['1/0', '1/1', '1/2']);
  });
}
