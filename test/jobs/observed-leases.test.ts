import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId, jobId } from '../../src/domain/ids.ts';
import { isOfFormerRun, Sightings } from '../../src/jobs/observed-leases.ts';
import { backOffMs } from '../../src/jobs/retry.ts';
import type { Claim } from '../../src/store/job-leases.ts';

const aClaim = (changes: Partial<Claim> = {}): Claim => ({
  job: jobId('JOB-1'),
  instance: instanceId('instance-1'),
  isOpen: true,
  owner: 'node-2:1',
  epoch: 1,
  beat: 1,
  ...changes,
});

test('a lease is unchanged for a time only if it was seen that long by our own clock', () => {
  const sightings = new Sightings();
  assert.deepEqual(sightings.unchangedFor(10, [aClaim()], 1_000_000), []);
  assert.deepEqual(sightings.unchangedFor(10, [aClaim()], 1_000_009), []);
  assert.deepEqual(sightings.unchangedFor(10, [aClaim()], 1_000_010), [aClaim()]);
});

test('a heartbeat, a new epoch or an absence begins the time anew', () => {
  for (const change of [{ beat: 2 }, { epoch: 2 }]) {
    const sightings = new Sightings();
    sightings.unchangedFor(10, [aClaim()], 0);
    assert.deepEqual(sightings.unchangedFor(10, [aClaim(change)], 20), []);
    assert.equal(sightings.unchangedFor(10, [aClaim(change)], 30).length, 1);
  }
  const sightings = new Sightings();
  sightings.unchangedFor(10, [aClaim()], 0);
  sightings.unchangedFor(10, [], 20);
  assert.deepEqual(sightings.unchangedFor(10, [aClaim()], 40), []);
});

test("only another run of our own node is known to be dead; a node whose name begins like ours is another's", () => {
  assert.equal(isOfFormerRun('node-1:1', 'node-1', '2'), true);
  assert.equal(isOfFormerRun('node-1:2', 'node-1', '2'), false);
  assert.equal(isOfFormerRun('node-10:1', 'node-1', '2'), false);
  assert.equal(isOfFormerRun(null, 'node-1', '2'), false);
});

test('waits between tries double up to a bound', () => {
  const limits = { firstRetryMs: 200, lastRetryMs: 5_000 };
  const waits = [1, 2, 3, 5, 6, 7, 1_000].map((failures) => backOffMs(failures, limits));
  assert.deepEqual(waits, [200, 400, 800, 3_200, 5_000, 5_000, 5_000]);
});
