import assert from 'node:assert/strict';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import { FaultStage, until } from './faults-stage.ts';

const SLOW_MS = 3_000;
const isLong = process.env['OPENSTAGE_TEST_LONG'] === '1';
const STEPS = isLong ? 20 : 4;
const offsets = [
  ['-1h', -1],
  ['+1h', 1],
  ['+10y', 10 * 365 * 24],
  ['+0', 0],
] as const;
const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

test('a clock that steps back, forward and ten years forward while jobs run fails none of them', async (t) => {
  if (library === undefined) {
    assert.ok(process.env['OPENSTAGE_TEST_ALL'] !== '1', 'this needs libfaketime (the package faketime)');
    t.diagnostic('left out: it needs libfaketime (the package faketime)');
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), 'openstage-clock-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const clock = join(dir, 'clock');
  const step = (offset: string) => writeFileSync(clock, `${offset}\n`);
  step('+0');
  // Only the wall clock: the kernel steps no other.
  const through = [
    'env',
    `LD_PRELOAD=${library}`,
    `FAKETIME_TIMESTAMP_FILE=${clock}`,
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
    'FAKETIME_NO_CACHE=1',
  ];
  const stage = await FaultStage.start(t, { through });
  const { httpUrl } = stage.victim.platform;
  const hour = async () =>
    Date.parse((await fetch(`${httpUrl}/version`)).headers.get('date') ?? '') / 3_600_000;
  const instance = await stage.deploy('stepped', await stage.package('0'));
  const began = await hour();
  for (let at = 0; at < STEPS; at += 1) {
    const [offset, hours] = offsets[at % offsets.length] ?? offsets[0];
    const version = `v${at}`;
    const artifacts = await stage.package(version, SLOW_MS);
    const job = await stage.deployer.send('PUT', instance, { version, artifacts });
    await stage.reached(job, 'AWAIT_HEALTHY');
    step(offset);
    await until(`the clock stepped by ${offset}`, async () => Math.abs((await hour()) - began - hours) < 0.5);
    await stage.signIn();
    await stage.succeeded(job);
    assert.equal(await stage.page('stepped'), version);
  }
  const snapshots = await stage.deployer.send('GET', `${instance}/snapshots`);
  assert.deepEqual(
    listOf(memberOf(snapshots, 'snapshots')).map((each) => memberOf(each, 'version')),
    [...Array.from({ length: STEPS - 1 }, (_, at) => `v${STEPS - 2 - at}`), '1'],
    'newest first, whatever the clock said',
  );
});
