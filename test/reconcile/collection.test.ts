import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningStage } from '../actions/running-stage.ts';

const DAYS_MS = 86_400_000;

/** How many rows there are of each that grows with use. */
async function counts({ stage }: RunningStage): Promise<Readonly<Record<string, number>>> {
  const names = [
    'jobs',
    'tasks',
    'instances',
    'components',
    'rollouts',
    'releases',
    'tokens',
    'temporary_keys',
    'audit',
  ] as const;
  const rows = await Promise.all(
    names.map(
      async (name) => [name, (await stage.store.read.selectFrom(name).selectAll().execute()).length] as const,
    ),
  );
  return Object.fromEntries(rows);
}

test('what nobody can ask for any more goes at its time, and what is in use stays', async (t) => {
  const running = await RunningStage.open(t, { keepReleases: 1 });
  const { stage, collector, driver } = running;
  const one = await running.deployed();
  for (const version of ['2', '3']) assert.equal((await running.change(one, version)).status, 'SUCCEEDED');
  // The fourth never serves, and another takes its place as what was asked for last.
  driver.isReachable = false;
  assert.equal((await running.change(one, '4')).status, 'FAILED');
  driver.isReachable = true;
  assert.equal((await running.act(one, 'restart')).status, 'SUCCEEDED');
  const gone = await running.deployed({ name: 'gone' });
  await running.ended(await stage.delete(gone));
  const key = { auth: { identity: { methods: ['token'], token: { duration_seconds: 900 } } } };
  const asked = await stage.request('POST', '/v3.0/OS-CREDENTIAL/securitytokens', key);
  assert.equal(asked.status, 201, asked.raw);

  const before = await counts(running);
  await collector.collect();
  assert.deepEqual(await counts(running), before, 'nothing is old');

  running.skip(2 * DAYS_MS);
  await collector.collect();
  assert.deepEqual(await counts(running), { ...before, tokens: 0, temporary_keys: 0 });

  running.skip(31 * DAYS_MS);
  await collector.collect();
  const after = await counts(running);
  assert.deepEqual(after, {
    ...before,
    tokens: 0,
    temporary_keys: 0,
    // The last one of what lives.
    jobs: 1,
    tasks: after['tasks'],
    instances: 1,
    // What serves, and the release that can be rolled back to.
    rollouts: 1,
    releases: 2,
  });
  assert.ok((before['audit'] ?? 0) > 0);

  running.skip(340 * DAYS_MS);
  await collector.collect();
  assert.deepEqual(await counts(running), { ...after, audit: 0 });
});

test('what cannot be collected is told, and keeps nothing else', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, collector } = running;
  await running.deployed();
  running.skip(400 * DAYS_MS);
  const write = stage.store.write.bind(stage.store);
  let writes = 0;
  Object.assign(stage.store, {
    write: (work: Parameters<typeof write>[0]) => {
      writes += 1;
      return writes === 1 ? Promise.reject(new Error('one row is bad')) : write(work);
    },
  });
  await assert.rejects(collector.collect(), /one row is bad/);
  const { audit, tokens } = await counts(running);
  assert.deepEqual({ audit, tokens }, { audit: 0, tokens: 0 });
});
