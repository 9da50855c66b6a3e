import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { seedPlatform } from '../../src/actions/seed-platform.ts';
import { assertOwnDatabase, assertReplaceable, hostsOf, removeHost } from '../../src/store/known-hosts.ts';
import { hostId } from '../../src/domain/ids.ts';
import { upsertHost } from '../../src/store/hosts.ts';
import { HOST, openStage } from '../api/stage.ts';
import { RunningStage } from './running-stage.ts';

test('a new data directory on a used database is refused, with how to take the place of its host', async (t) => {
  const { store, services } = await openStage(t);
  const claim = (id: string, key: string) =>
    store.write((tx) => assertOwnDatabase(tx, { id: hostId(id) }, key));
  await claim(HOST, services.key.id);
  await assert.rejects(
    claim('new', services.key.id),
    /belongs to host host-1 \("here"\).*"openstage hosts replace host-1"/,
  );
  await assert.rejects(
    claim(HOST, `other-${randomBytes(2).toString('hex')}`),
    /sealed with key test; put that key file/,
  );
  await assert.rejects(
    assertReplaceable(store, HOST, 'other'),
    /copy the key file of host host-1 here first/,
  );
  await assert.rejects(assertReplaceable(store, 'nobody', 'test'), /There is no host nobody/);
  assert.equal((await assertReplaceable(store, HOST, 'test')).id, HOST);
});

test('a platform that starts asks whether the database is its own, before it makes anything there', async (t) => {
  const { store, services } = await openStage(t);
  const starting = seedPlatform(store, {
    region: 'local',
    host: { id: hostId('new'), name: 'new' },
    adminPasswordHash: () => Promise.resolve('none'),
    adminKey: () => ({ access: 'none', secret: 'none' }),
    key: services.key,
    nonce: randomBytes(12),
    now: 1,
    newId: randomUUID,
  });
  await assert.rejects(starting, /This data directory is new to the database, which belongs to host host-1/);
  assert.deepEqual(
    (await hostsOf(store)).map(({ id }) => id),
    [HOST],
  );
});

test('a host is removed once nothing is on record there, never by itself', async (t) => {
  const running = await RunningStage.open(t);
  const { store } = running.stage;
  await running.deployed();
  const seen = (await hostsOf(store)).find(({ replicas }) => replicas > 0);
  assert.ok(seen);
  await assert.rejects(removeHost(store, seen.id, undefined), /has replicas \(1\) on record/);
  await store.write((tx) => upsertHost(tx, { id: hostId('old'), name: 'old', createTime: 1 }));
  await assert.rejects(removeHost(store, 'old', hostId('old')), /own and cannot be removed/);
  await removeHost(store, 'old', hostId(HOST));
  assert.deepEqual(
    (await hostsOf(store)).map(({ id }) => id),
    [HOST],
  );
});
