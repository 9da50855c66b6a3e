import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { readSettings } from '../../src/settings.ts';
import { RunningStage } from './running-stage.ts';

const HOURS_MS = 3_600_000;

test('with OPENSTAGE_KEEP_RELEASES=2 the newest two can be rolled back to and stay on the disk, older ones go', async (t) => {
  const settings = readSettings(new Map(), { OPENSTAGE_KEEP_RELEASES: '2' });
  const running = await RunningStage.open(t, settings);
  const { stage, artifacts, builds, collector, driver } = running;
  const one = await running.deployed();
  for (const version of ['2', '3', '4', '5'])
    assert.equal((await running.change(one, version)).status, 'SUCCEEDED');
  // From here on only releases name the packages.
  for (const version of ['1', '2', '3', '4', '5']) await stage.request('DELETE', running.packageUrl(version));
  const listed = async () => (await stage.get(`${one}/snapshots`)).each('snapshots', 'version');
  assert.deepEqual(await listed(), ['4', '3']);

  const rows = await stage.store.read
    .selectFrom('releases')
    .select(['label', 'digest', 'build_key'])
    .where('instance_id', '=', instanceId(one.split('/').at(-1) ?? ''))
    .orderBy('number')
    .execute();
  const keptOnDisk = async () => {
    const digests = new Set<string>((await artifacts.list()).map(({ digest }) => digest));
    const keys = new Set<string>(await builds.list());
    return rows.map(({ label, digest, build_key }) => [
      label,
      digests.has(digest ?? ''),
      keys.has(build_key ?? ''),
    ]);
  };
  const all = ['1', '2', '3', '4', '5'].map((label) => [label, true, true]);
  await collector.collect();
  assert.deepEqual(await keptOnDisk(), all, 'what was used lately stays for now');

  running.skip(2 * HOURS_MS);
  await collector.collect();
  assert.deepEqual(await keptOnDisk(), [
    ['1', false, false],
    ['2', false, false],
    ['3', true, true],
    ['4', true, true],
    ['5', true, true],
  ]);
  assert.equal((await running.asked(one, 'rollback', { version: '2' })).problem, '404 SVCSTG.00100436');
  assert.equal((await running.act(one, 'rollback', { version: '3' })).status, 'SUCCEEDED');
  assert.deepEqual(await listed(), ['5', '4']);
  const served = driver.asked.at(-1);
  assert.equal(
    served?.releaseDir,
    builds.dir(served?.workload.build ?? assert.fail('nothing was asked for')),
  );

  await running.ended(await stage.delete(one));
  running.skip(2 * HOURS_MS);
  await collector.collect();
  assert.deepEqual([await artifacts.list(), await builds.list()], [[], []]);
});
