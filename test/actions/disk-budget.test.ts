import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ArtifactStore } from '../../src/artifacts/artifact-store.ts';
import { BuildStore, buildKeyOf } from '../../src/builds/build-store.ts';
import { DiskBudget } from '../../src/domain/disk-budget.ts';
import { Problem } from '../../src/domain/errors.ts';
import { instanceId } from '../../src/domain/ids.ts';
import { makeRoom } from '../../src/reconcile/make-room.ts';
import { readSettings } from '../../src/settings.ts';
import { RunningStage } from './running-stage.ts';

const HOURS_MS = 3_600_000;
const KIB = 1024;

async function* bytes(count: number): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(count, count % 251);
}

const refused = (error: unknown) =>
  error instanceof Problem &&
  error.code === 'targetUnavailable' &&
  /There is no room for .* take \d+ MiB of the \d+ MiB .*Delete packages or instances .* OPENSTAGE_KEPT_MIB/.test(
    error.message,
  );

test('over its budget the platform removes what is unused, oldest first, never a kept release, and then refuses', async (t) => {
  const running = await RunningStage.open(t, readSettings(new Map(), { OPENSTAGE_KEEP_RELEASES: '2' }));
  const { stage } = running;
  const one = await running.deployed();
  for (const version of ['2', '3', '4', '5'])
    assert.equal((await running.change(one, version)).status, 'SUCCEEDED');
  for (const version of ['1', '2', '3', '4', '5']) await stage.request('DELETE', running.packageUrl(version));
  const rows = await stage.store.read
    .selectFrom('releases')
    .select(['label', 'digest', 'build_key'])
    .where('instance_id', '=', instanceId(one.split('/').at(-1) ?? ''))
    .orderBy('number')
    .execute();
  running.skip(2 * HOURS_MS);

  const before = await running.artifacts.list();
  const used = before.reduce((sum, { size }) => sum + size, 0);
  const built = (await running.builds.measure()).reduce((sum, each) => sum + each.bytes, 0);
  assert.ok(built > 0, 'builds say what they take');
  // Room for a little more than what is there.
  const budget = new DiskBudget(used + built + 64 * KIB);
  budget.count(used + built);
  const artifacts = new ArtifactStore(stage.dataDir, { budget });
  const builds = new BuildStore(stage.dataDir, { budget });
  const { store, services } = stage;
  let rooms = 0;
  budget.onFull(async (needed) => {
    rooms += 1;
    await makeRoom({ store, artifacts, builds, budget, now: services.now, log: { info: () => {} } }, needed);
  });
  const there = async () => {
    const digests = new Set<string>((await artifacts.list()).map(({ digest }) => digest));
    const keys = new Set<string>(await builds.list());
    return rows.map(({ digest, build_key }) => [digests.has(digest ?? ''), keys.has(build_key ?? '')]);
  };

  await artifacts.put(bytes(32 * KIB), { maxBytes: 1024 ** 2 });
  assert.equal(rooms, 0, 'what fits needs no room to be made');
  assert.deepEqual(
    (await there()).flat(),
    Array.from({ length: 10 }, () => true),
  );

  const size = 32 * KIB + 1;
  await artifacts.put(bytes(size), { maxBytes: 1024 ** 2 });
  assert.equal(rooms, 1);
  const now = await there();
  assert.ok(now.slice(0, 2).flat().includes(false), 'something unused went');
  assert.deepEqual(now.slice(2).flat(), [true, true, true, true, true, true]);

  await assert.rejects(artifacts.put(bytes(512 * KIB), { maxBytes: 1024 ** 2 }), refused);
  await assert.rejects(
    builds.ensure(buildKeyOf('large'), async (dir) => {
      await writeFile(`${dir}/large`, Buffer.alloc(512 * KIB, 1));
    }),
    refused,
  );
  assert.deepEqual((await there()).slice(2).flat(), [true, true, true, true, true, true]);
  const kept = (await artifacts.list()).reduce((sum, each) => sum + each.size, 0);
  const after = (await builds.measure()).reduce((sum, each) => sum + each.bytes, 0);
  assert.equal(budget.bytes, kept + after, 'it counts what is on the disk');
  const back = await running.act(one, 'rollback', { version: '3' });
  assert.equal(back.status, 'SUCCEEDED');
});
