import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { findInstance } from '../../src/store/instances.ts';
import { listOpenJobs } from '../../src/store/jobs.ts';
import { listUnretiredRollouts } from '../../src/store/rollouts.ts';
import { until } from '../jobs/until.ts';
import { RunningStage } from './running-stage.ts';

const idIn = (one: string) => instanceId(one.split('/').at(-1) ?? '');

/** Of an instance, the jobs that the platform opened for itself. */
async function internalJobs({ stage }: RunningStage, one: string) {
  return stage.store.read
    .selectFrom('jobs')
    .select(['kind', 'state', 'plan_json'])
    .where('instance_id', '=', idIn(one))
    .where('internal', '=', 1)
    .orderBy('create_time')
    .execute();
}

test('without force, a deletion fails where the target cannot be reached, and only a deletion is accepted then', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed();
  driver.isReachable = false;
  const failed = await running.ended(await stage.delete(one));
  assert.equal(failed.status, 'FAILED');
  assert.match(failed.message, /cannot be reached/);
  const shown = await stage.get(one);
  assert.equal(shown.at('status_detail', 'status'), 'FAILED');
  assert.match(shown.text('status_detail', 'fail_detail'), /cannot be reached/);
  const refused = await running.asked(one, 'stop');
  assert.equal(refused.problem, '400 SVCSTG.00100400');
  assert.match(refused.text('error_msg'), /only DELETE is accepted/);
  driver.isReachable = true;
  assert.equal((await running.ended(await stage.delete(one))).status, 'SUCCEEDED');
  assert.equal((await stage.get(one)).status, 404);
  assert.equal(driver.replicas.size, 0);
});

test('a forced deletion removes the row although the target cannot be reached, and what is left there is cleaned later', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed({ replica: 2 });
  const wire = async () => (await stage.get(`${one.replace(/\/[^/]*$/, '')}`)).at('count');
  driver.isReachable = false;
  const deleted = await stage.delete(`${one}?force=true`);
  const outcome = await running.ended(deleted);
  assert.equal(outcome.status, 'SUCCEEDED', outcome.message);
  assert.equal((await stage.get(one)).status, 404);
  assert.equal(await wire(), 0);
  assert.deepEqual(running.ingress.routes, [], 'its host is nobody’s, and nothing is sent to what is left');
  assert.equal(driver.replicas.size, 2, 'the target was not reached');
  assert.equal((await running.create({ name: 'web', version: '1' })).status, 200, 'its name is free');

  // The job that cleans up never says that it did while it could not.
  const [first] = await until('the job that cleans up to end', async () => {
    const jobs = await internalJobs(running, one);
    return jobs.some(({ state }) => state !== 'running') && jobs;
  });
  assert.deepEqual([first?.kind, first?.state], ['clean-up-instance', 'failed']);
  assert.equal((await listUnretiredRollouts(stage.store.read, idIn(one))).length, 1);

  driver.isReachable = true;
  await running.look();
  await until('what was left to be gone', () =>
    [...driver.replicas.values()].every(({ instance }) => instance !== idIn(one)),
  );
  await until('the job to end', async () => (await listOpenJobs(stage.store.read, idIn(one))).length === 0);
  assert.deepEqual(await listUnretiredRollouts(stage.store.read, idIn(one)), []);
  assert.equal((await internalJobs(running, one)).at(-1)?.state, 'succeeded');
  assert.equal(
    (await stage.get(`/jobs/${deleted.text('job_id')}`)).at('job', 'EXECUTION_STATUS'),
    'SUCCEEDED',
  );
});

test('a deletion takes the place of the open job, which fails and says who deleted', async (t) => {
  const running = await RunningStage.open(t);
  const { stage } = running;
  await running.engine.stop();
  const created = await running.create();
  const one = `${await running.at()}/${created.text('instance_id')}`;
  const deleted = await stage.delete(one);
  assert.deepEqual(Object.keys(Object(deleted.body)).toSorted(), ['instance_id', 'job_id']);
  const outcome = await running.ended(created);
  assert.equal(outcome.status, 'FAILED');
  assert.match(outcome.message, /was deleted by admin/);
  assert.deepEqual((await stage.delete(one)).body, deleted.body, 'the same request again is the same job');
  assert.notEqual((await stage.delete(`${one}?force=true`)).text('job_id'), deleted.text('job_id'));
  assert.equal(await running.status(one), 'DELETING');
  const instance = await findInstance(stage.store.read, idIn(one));
  assert.equal(instance?.wanted, 'deleted');
});
