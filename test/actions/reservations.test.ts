import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reserveRunning, type Admission } from '../../src/actions/admission.ts';
import { sumReservations } from '../../src/store/reservations.ts';
import { RunningStage } from './running-stage.ts';

const GIB = 1024 ** 3;
const admission: Admission = {
  quotas: { instances: 0, jobs: 0, cpuMillis: 0, memoryBytes: 6 * GIB, packageBytes: 0 },
  capacity: { cpuMillis: 4_000, memoryBytes: 64 * GIB, cpuOvercommit: 10, memoryOvercommit: 10 },
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
