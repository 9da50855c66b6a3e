import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { replicaName } from '../../src/domain/rollout.ts';
import { ENVIRONMENT } from '../api/stage.ts';
import { RunningStage } from '../actions/running-stage.ts';
import { until } from '../jobs/until.ts';

const idIn = (one: string) => instanceId(one.split('/').at(-1) ?? '');

/** Two instances, of which the first in every order of ids and of time has a fault. */
async function two(running: RunningStage): Promise<{ readonly bad: string; readonly good: string }> {
  const made = [await running.deployed({ name: 'one' }), await running.deployed({ name: 'two' })];
  const [bad = '', good = ''] = made.toSorted((one, other) => (idIn(one) < idIn(other) ? -1 : 1));
  return { bad, good };
}

function lose({ driver }: RunningStage, one: string): void {
  for (const [name, replica] of driver.replicas)
    if (replica.instance === idIn(one)) driver.replicas.delete(name);
}

const has = ({ driver }: RunningStage, one: string) =>
  [...driver.replicas.values()].some(({ instance }) => instance === idIn(one));

async function assertRepaired(running: RunningStage, good: string): Promise<void> {
  lose(running, good);
  await running.look();
  await until('the other to be repaired', () => has(running, good));
  await running.look();
  assert.equal(await running.status(good), 'RUNNING');
  assert.ok(targetsOf(running, good) > 0, 'its routes are published');
}

const targetsOf = ({ ingress }: RunningStage, one: string): number =>
  ingress.routes.filter(({ instance }) => instance === idIn(one)).flatMap(({ targets }) => targets).length;

test('an instance whose row cannot be read stops no look at another', async (t) => {
  const running = await RunningStage.open(t);
  const { bad, good } = await two(running);
  await running.stage.store.write((tx) =>
    tx
      .updateTable('instances')
      .set({ notes_json: '{', target_json: 'broken' })
      .where('id', '=', idIn(bad))
      .execute(),
  );
  lose(running, bad);
  await assertRepaired(running, good);
});

test('an instance whose probe tells a NUL byte stops no look at another', async (t) => {
  const running = await RunningStage.open(t);
  const { bad, good } = await two(running);
  for (const [name, replica] of running.driver.replicas) {
    if (replica.instance === idIn(bad))
      running.driver.replicas.set(name, {
        ...replica,
        readiness: { ready: false, code: 'probeFailed', saw: 'a\0b' },
      });
  }
  await assertRepaired(running, good);
  // It is itself seen as what it is, and gets no traffic.
  assert.match((await running.stage.get(bad)).raw, /a\uFFFDb/);
  assert.equal(targetsOf(running, bad), 0);
});

test('an instance whose look throws stops no look at another, and is tried less and less often', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const { bad, good } = await two(running);
  driver.lookFaults.set(idIn(bad), new Error('bad data'));
  lose(running, bad);
  await assertRepaired(running, good);
  const before = driver.looks;
  for (let again = 0; again < 30; again += 1) {
    running.skip(2_000);
    await running.look();
  }
  const alone = driver.looks - before - 30;
  assert(alone >= 2 && alone <= 10, `looked at ${alone} times in a minute`);
  driver.lookFaults.clear();
  running.skip(120_000);
  await running.look();
  await until('the one to be repaired', () => has(running, bad));
});

test('an ingress that could not be told is told later, and stops no repair', async (t) => {
  const running = await RunningStage.open(t);
  const { driver, ingress } = running;
  const one = await running.deployed({ replica: 2, environment_id: ENVIRONMENT });
  const [name = '', sick] = [...driver.replicas][0] ?? [];
  assert.ok(sick);
  driver.replicas.set(name, { ...sick, readiness: { ready: false, code: 'probeFailed', saw: 'HTTP 500' } });
  ingress.isReachable = false;
  await running.look();
  assert.equal(ingress.routes[0]?.targets.length, 2);
  assert.equal(await running.status(one), 'PARTIALLY_FAILED');
  ingress.isReachable = true;
  running.skip(120_000);
  await running.look();
  assert.deepEqual(
    ingress.routes[0]?.targets.map(({ replica }) => replica),
    [...driver.replicas.values()].map(replicaName).filter((other) => other !== name),
  );
});
