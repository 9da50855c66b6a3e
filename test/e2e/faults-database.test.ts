import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HAS_ALONE, holdDatabase } from '../store/held-database.ts';
import { FaultStage, pause, until } from './faults-stage.ts';

const SLOW_MS = 4_000;
/** Longer than the store waits for a lock, and than a lease goes without a heartbeat. */
const HELD_MS = 7_000;

test('a database that another program has locked refuses changes and fails no job', async (t) => {
  const stage = await FaultStage.start(t);
  const instance = await stage.deploy('locked', await stage.package('one'));
  const two = await stage.package('two', SLOW_MS);
  const job = await stage.deployer.send('PUT', instance, { version: '2', artifacts: two });
  await stage.reached(job, 'AWAIT_HEALTHY');
  const letGo = await holdDatabase(t, join(stage.victim.dataDir, 'openstage.db'));
  const { cas } = stage.deployer;
  const body = JSON.stringify({ name: 'shop' });
  let refused = 0;
  for (const end = performance.now() + HELD_MS; performance.now() < end; await pause(100)) {
    const change = stage.asked(`${cas}/applications`, { method: 'POST', body });
    assert.equal((await stage.asked('/healthz')).status, 200);
    assert.deepEqual(new Set(await stage.answers(instance)), new Set([200]), 'reading goes on');
    assert.match(await stage.page('locked'), /^(one|two)$/);
    const { status, text } = await change;
    assert.equal(status, 503, text);
    assert.match(text, /openstage\.db is locked by another program/);
    refused += 1;
  }
  assert.ok(refused > 0);
  await letGo();
  await stage.insisted('POST', `${cas}/applications`, { name: 'shop' });
  await stage.succeeded(job);
  assert.equal(await stage.page('locked'), 'two');
});

test('a platform whose database another program has for itself says so and does not start', async (t) => {
  const stage = await FaultStage.start(t);
  await stage.victim.kill('SIGTERM');
  const { dataDir } = stage.victim;
  const letGo = await holdDatabase(t, join(dataDir, 'openstage.db'), HAS_ALONE);
  const { status, stderr } = serve(dataDir);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /openstage\.db is locked by another program/);
  await letGo();
  await stage.victim.start();
  assert.equal((await stage.asked('/healthz')).status, 200);
});

test('a database that is deleted under a running platform stops changes, not applications', async (t) => {
  const stage = await FaultStage.start(t);
  await stage.deploy('orphan', await stage.package('one'));
  const file = join(stage.victim.dataDir, 'openstage.db');
  renameSync(file, `${file}.away`);
  const body = JSON.stringify({ name: 'shop' });
  const change = await stage.asked(`${stage.deployer.cas}/applications`, { method: 'POST', body });
  assert.equal(change.status, 503);
  assert.match(change.text, /was deleted while the platform runs/);
  assert.equal((await stage.asked('/healthz')).status, 200);
  const ready = await stage.asked('/readyz');
  assert.equal(ready.status, 503);
  assert.match(ready.text, /was deleted while the platform runs/);
  assert.equal(await stage.page('orphan'), 'one');
  renameSync(`${file}.away`, file);
  await stage.insisted('POST', `${stage.deployer.cas}/applications`, { name: 'shop' });
  await until('it is ready', async () => (await stage.asked('/readyz')).status === 200);
});

test('a data directory that cannot be written is refused in a sentence', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'openstage-read-only-'));
  t.after(() => {
    spawnSync('umount', ['--lazy', '--quiet', root]);
    rmSync(root, { recursive: true });
  });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', root]).status !== 0) {
    assert.notEqual(process.env['OPENSTAGE_TEST_ALL'], '1', 'a file system of its own needs root');
    t.diagnostic('left out: a file system of its own needs root');
    return;
  }
  for (const dir of [root, join(root, 'data')]) {
    const { status, stderr } = serve(dir);
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`The data directory ${dir} cannot be written`));
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
  }
});

const serve = (dataDir: string) =>
  spawnSync(
    process.execPath,
    [
      ...['bin/openstage.mjs', 'serve', '--data-dir', dataDir],
      ...['--http-port', '0', '--https-port', '0', '--ingress-port', '0'],
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
