import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reserveRunning, type Admission } from '../../src/actions/admission.ts';
import { sumReservations } from '../../src/store/reservations.ts';
import { RunningStage } from './running-stage.ts';

const GIB = 1024 ** 3;
const admission: Admission = {
  quotas: {
    instances: 0,
    jobs: 0,
    cpuMillis: 0,
    memoryBytes: 6 * GIB,
    packageBytes: 0,
    diskBytes: 0,
    logBytes: 0,
    releaseBytes: 0,
  },
  capacity: { cpuMillis: 4_000, memoryBytes: 64 * GIB, cpuOvercommit: 10, memoryOvercommit: 10 },
  replica: { diskBytes: GIB, logBytes: GIB / 64 },
};

test('what an instance holds follows it: through changes that succeed and fail, stops, starts and its end', async (t) => {
  const running = await RunningStage.open(t, {}, admission);
  const { stage, driver } = running;
  const held = async () => (await sumReservations(stage.store.read, stage.project)).memoryBytes / GIB;
  const one = await running.deployed({ replica: 2 });
  assert.equal(await held(), 2);

  const large = 'CUSTOM-1G:0.5C-0.5C:2Gi-1Gi';
  assert.equal((await running.change(one, '2', { flavor_id: large })).status, 'SUCCEEDED');
  assert.equal(await held(), 4);
  const tooMany = await running.asked(one, 'scale', { replica: 4 });
  assert.match(
    tooMany.text('error_msg'),
    /OPENSTAGE_QUOTA_MEMORY_GIB\); it has 4 GiB of memory, and this request needs 4 GiB/,
  );
  assert.equal((await running.act(one, 'scale', { replica: 3 })).status, 'SUCCEEDED');
  assert.equal(await held(), 6);
  assert.equal((await running.act(one, 'scale', { replica: 1 })).status, 'SUCCEEDED');
  assert.equal(await held(), 2);

  // What was asked for and never came is given back.
  driver.isBroken = true;
  assert.equal((await running.change(one, '3', { replica: 3 })).status, 'FAILED');
  driver.isBroken = false;
  assert.equal(await held(), 2);

  assert.equal((await running.act(one, 'stop')).status, 'SUCCEEDED');
  assert.equal(await held(), 0);
  const other = await running.deployed({ name: 'other', replica: 6 });
  const noRoom = await running.asked(one, 'start');
  assert.match(noRoom.text('error_msg'), /needs 2 GiB of memory more: choose a smaller flavor/);
  await running.ended(await stage.delete(other));
  assert.equal(await held(), 0);
  assert.equal((await running.act(one, 'start')).status, 'SUCCEEDED');
  assert.equal(await held(), 2);

  // As an upgrade from a version without reservations finds it.
  await stage.store.write((tx) => tx.deleteFrom('reservations').execute());
  await reserveRunning(stage.store);
  assert.equal(await held(), 2);
});

const full: Admission = {
  ...admission,
  quotas: { ...admission.quotas, memoryBytes: 0 },
  capacity: { cpuMillis: 4_000, memoryBytes: 4 * GIB, cpuOvercommit: 10, memoryOvercommit: 1 },
};

test('a full host upgrades one instance at a time, whatever asks at once, and always rolls back', async (t) => {
  const running = await RunningStage.open(t, {}, full);
  const { stage, driver } = running;
  const surge = async () => (await sumReservations(stage.store.read)).surge.memoryBytes / GIB;
  const names = ['one', 'two', 'three'];
  const all: string[] = [];
  for (const name of names) all.push(await running.deployed({ name, replica: name === 'one' ? 2 : 1 }));
  const [one = '', two = '', three = ''] = all;
  const change = async (which: string, version: string, changes: object = {}) =>
    stage.put(which, { version, artifacts: await running.upload(version), ...changes });
  // Rolled back to below, while the host has no room at all.
  assert.equal((await running.ended(await change(three, '2'))).status, 'SUCCEEDED');
  assert.equal(await surge(), 0);

  driver.isSlow = true;
  const first = await change(one, '3');
  assert.equal(first.status, 200, first.raw);
  assert.equal(await surge(), 2);
  const refused = await change(two, '4');
  assert.equal(refused.status, 400);
  assert.match(
    refused.text('error_msg'),
    /^The old and the new replicas of an update run side by side for a time, which needs 1 GiB of memory more, but of the 4 GiB that this host may promise .*OPENSTAGE_MEMORY_OVERCOMMIT\) 0 GiB are left, and another instance is being updated.*repeat the request.*Recreate/,
  );
  // Neither does a restart come beside it, nor anything that is to stay; the strategy Recreate needs no room.
  assert.match((await running.asked(two, 'restart')).text('error_msg'), /side by side/);
  assert.match(
    (await running.asked(two, 'scale', { replica: 2 })).text('error_msg'),
    /^The request needs 1 GiB .* 0 GiB are left/,
  );
  const recreated = await change(two, '5', { configuration: { strategy: { upgrade: 'Recreate' } } });
  assert.equal(recreated.status, 200, recreated.raw);
  const back = await running.asked(three, 'rollback', { version: '1' });
  assert.equal(back.status, 200, back.raw);
  assert.equal(await surge(), 3);

  driver.isSlow = false;
  for (const accepted of [first, recreated, back])
    assert.equal((await running.ended(accepted)).status, 'SUCCEEDED');
  assert.equal(await surge(), 0);
  assert.equal((await running.act(two, 'restart')).status, 'SUCCEEDED');
});

test('of many upgrades at once on a full host exactly one goes beyond what it may promise', async (t) => {
  const running = await RunningStage.open(t, {}, full);
  const all: string[] = [];
  for (const name of ['web-a', 'web-b', 'web-c', 'web-d']) all.push(await running.deployed({ name }));
  const artifacts = await running.upload('2');
  running.driver.isSlow = true;
  const answers = await Promise.all(all.map((one) => running.stage.put(one, { version: '2', artifacts })));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  running.driver.isSlow = false;
});

test('an update in batches needs room for a batch alone', async (t) => {
  const running = await RunningStage.open(t, {}, full);
  const strategy = { upgrade: 'RollingUpdate', spec: { maxSurge: 1, maxUnavailable: 0 } };
  const one = await running.deployed({ replica: 3 });
  const artifacts = await running.upload('2');
  running.driver.isSlow = true;
  const accepted = await running.stage.put(one, { version: '2', artifacts, configuration: { strategy } });
  assert.equal(accepted.status, 200, accepted.raw);
  assert.equal((await sumReservations(running.stage.store.read)).surge.memoryBytes, GIB);
  running.driver.isSlow = false;
  assert.equal((await running.ended(accepted)).status, 'SUCCEEDED');
});

test('disk and log of replicas are promised by their bounds, and packages of releases counted as they are', async (t) => {
  const quotas = { ...admission.quotas, memoryBytes: 0, diskBytes: 3 * GIB, logBytes: GIB / 16 };
  const running = await RunningStage.open(t, {}, { ...admission, quotas });
  const { stage } = running;
  const usedOf = async (name: string) => {
    const answer = await stage.request('GET', `/openstage/v1/${stage.project}/quotas`);
    return answer.each('quotas', 'used')[answer.each('quotas', 'name').indexOf(name)];
  };
  const one = await running.deployed({ replica: 2 });
  assert.deepEqual([await usedOf('disk_bytes'), await usedOf('log_bytes')], [2 * GIB, GIB / 32]);
  assert.match(
    (await running.asked(one, 'scale', { replica: 4 })).text('error_msg'),
    /may have 3 GiB of disk for its replicas \(OPENSTAGE_QUOTA_DISK_GIB\); it has 2 GiB .* needs 2 GiB of disk for its replicas more: choose fewer replicas, or stop instances/,
  );
  const before = Number(await usedOf('release_bytes'));
  assert.ok(before > 0);
  assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
  assert.ok(Number(await usedOf('release_bytes')) > before);
  assert.equal((await running.act(one, 'stop')).status, 'SUCCEEDED');
  assert.equal(await usedOf('disk_bytes'), 0);
});

test('a project whose releases take what they may gets no other one, and can roll back', async (t) => {
  const quotas = { ...admission.quotas, releaseBytes: 200 };
  const running = await RunningStage.open(t, {}, { ...admission, quotas });
  const one = await running.deployed();
  assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
  const refused = await running.stage.put(one, { version: '3', artifacts: await running.upload('3') });
  assert.match(
    refused.text('error_msg'),
    /may have 200 bytes of packages in its releases \(OPENSTAGE_QUOTA_RELEASES_GIB\); it has \d+ bytes .*delete instances/,
  );
  assert.equal((await running.act(one, 'rollback', { version: '1' })).status, 'SUCCEEDED');
});

test('logs of replicas are bounded by their sum', async (t) => {
  const quotas = { ...admission.quotas, logBytes: GIB / 64 };
  const running = await RunningStage.open(t, {}, { ...admission, quotas });
  const one = await running.deployed();
  const refused = await running.asked(one, 'scale', { replica: 2 });
  assert.match(
    refused.text('error_msg'),
    /16 MiB of logs \(OPENSTAGE_QUOTA_LOG_MIB\).*choose fewer replicas/,
  );
});
