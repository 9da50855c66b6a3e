import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { instanceId } from '../../src/domain/ids.ts';
import { listOpenJobs } from '../../src/store/jobs.ts';
import { RunningStage } from '../actions/running-stage.ts';
import { until } from '../jobs/until.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const idIn = (one: string) => instanceId(one.split('/').at(-1) ?? '');

/** Looks every so often for a simulated while; jobs end in between. */
async function pass(
  running: RunningStage,
  one: string,
  { forMs, everyMs, isOver = () => false }: { forMs: number; everyMs: number; isOver?: () => boolean },
): Promise<number> {
  const { stage } = running;
  for (let pastMs = 0; pastMs < forMs; pastMs += everyMs) {
    if (isOver()) return pastMs;
    running.skip(everyMs);
    await running.look();
    await until('the job to end', async () => (await listOpenJobs(stage.store.read, idIn(one))).length === 0);
  }
  return forMs;
}

test('an instance that cannot be repaired is tried ever less often, keeps a short history, and recovers by itself', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, stage } = running;
  const one = await running.deployed();
  driver.startFault = new Problem('targetUnavailable', 'There is no room.');
  driver.replicas.clear();

  await pass(running, one, { forMs: 30 * SECOND, everyMs: 2 * SECOND });
  const first = driver.failedStarts;
  assert(first >= 3 && first <= 6, `${first} repairs in the first 30 s`);
  await pass(running, one, { forMs: 120 * MINUTE, everyMs: 20 * SECOND });
  const all = driver.failedStarts;
  assert(all >= 15 && all <= 40, `${all} repairs in two hours`);
  const kept = await stage.store.read
    .selectFrom('jobs')
    .select('id')
    .where('instance_id', '=', idIn(one))
    .where('internal', '=', 1)
    .execute();
  assert(kept.length <= 11, `${kept.length} repairs are kept`);

  driver.startFault = undefined;
  const isBack = () => driver.replicas.size === 1;
  await pass(running, one, { forMs: 11 * MINUTE, everyMs: 20 * SECOND, isOver: isBack });
  assert(isBack(), 'it is back without anybody’s help');

  await pass(running, one, { forMs: 15 * MINUTE, everyMs: 20 * SECOND });
  driver.replicas.clear();
  await pass(running, one, { forMs: 2 * SECOND, everyMs: SECOND });
  assert(isBack(), 'after a time in which it was well, a repair comes at once');
});

test('a fault that comes back soon does not begin anew', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed();
  const repairs = () => driver.asked.length - 1;
  for (let again = 0; again < 60; again += 1) {
    driver.replicas.clear();
    await pass(running, one, { forMs: 20 * SECOND, everyMs: 10 * SECOND });
  }
  assert(repairs() >= 4 && repairs() <= 12, `${repairs()} repairs of a replica that is lost every 20 s`);
});
