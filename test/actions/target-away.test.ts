import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../jobs/until.ts';
import { RunningStage } from './running-stage.ts';

/** Of tasks that begin while it is away; each is tried again and again. */
const AWAY_MS = 1_500;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a target that is away in the middle of a job is waited for, and one that is away before it fails the first task', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, stage } = running;
  const one = await running.deployed();
  driver.isSlow = true;
  const artifacts = await running.upload('2');
  const accepted = await stage.put(one, { version: '2', artifacts });
  await until('the new replica is asked for', () =>
    [...driver.replicas.values()].some(({ rollout }) => rollout === 2),
  );
  driver.isReachable = false;
  await pause(AWAY_MS);
  assert.equal(
    (await stage.get(`/jobs/${accepted.text('job_id')}`)).at('job', 'EXECUTION_STATUS'),
    'RUNNING',
    'it is longer away than any number of attempts would last',
  );
  driver.isReachable = true;
  driver.isSlow = false;
  const outcome = await running.ended(accepted);
  assert.equal(outcome.status, 'SUCCEEDED', outcome.message);

  driver.isReachable = false;
  const refused = await running.change(one, '3');
  assert.equal(refused.status, 'FAILED');
  assert.match(refused.message, /cannot be reached/);
  assert.equal(refused.tasks['CHECK_TARGET'], 'FAILED');
});

test('a switch that was committed and could not be told to the ingress is never said to be undone', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, ingress } = running;
  const one = await running.deployed();
  ingress.isReachable = false;
  const outcome = await running.change(one, '2');
  assert.equal(outcome.status, 'FAILED');
  assert.equal(outcome.tasks['SWITCH_TRAFFIC'], 'FAILED');
  assert.ok(!Object.values(outcome.tasks).includes('ROLLBACKED'), JSON.stringify(outcome.tasks));
  assert.ok([...driver.replicas.values()].some(({ rollout }) => rollout === 2));
  assert.equal((await running.stage.get(one)).text('version'), '2', 'it serves');
  ingress.isReachable = true;
  await running.look();
  await until('the old replica is gone and the new one has the traffic', async () => {
    await running.look();
    const targets = ingress.routes.flatMap((route) => route.targets.map(({ replica }) => replica));
    return targets.length === 1 && targets[0]?.endsWith('/2/0') && driver.replicas.size === 1;
  });
});

test('an application that opens another port first is waited for, and the job says which at once', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, stage } = running;
  const one = await running.deployed();
  driver.isSlow = true;
  const accepted = await stage.put(one, { version: '2', artifacts: await running.upload('2') });
  const job = () => stage.get(`/jobs/${accepted.text('job_id')}`);
  await until('the job says where it listens', async () =>
    (await job()).raw.includes('listens on 8080, not on PORT (20017)'),
  );
  // Longer than the ten seconds that an application once had to come to its own port.
  await pause(11_000);
  assert.equal((await job()).at('job', 'EXECUTION_STATUS'), 'RUNNING');
  driver.isSlow = false;
  const outcome = await running.ended(accepted);
  assert.equal(outcome.status, 'SUCCEEDED', outcome.message);
});
