import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../src/store/open.ts';
import { diskNeeded, proxyNeeded, Readiness, storeNeeded, supervisorNeeded } from '../src/readiness.ts';
import { chosenDatabase } from './store/databases.ts';

const fine = () => Promise.resolve();
const away = () => Promise.reject(new Error('connect ECONNREFUSED.'));
const silent = () => new Promise<never>(() => {});

test('a platform with all its parts lacks nothing', async () => {
  const needed = [supervisorNeeded(fine), proxyNeeded(fine), diskNeeded(tmpdir())];
  assert.equal(await new Readiness(needed).lacking(), undefined);
});

test('each part that is gone or silent is named, with its reason', async () => {
  const readiness = new Readiness([supervisorNeeded(away), proxyNeeded(silent)], 20);
  assert.equal(
    await readiness.lacking(),
    'The supervisor of this host cannot be reached; look into logs/supervisor.log in the data directory (connect ECONNREFUSED). ' +
      'The ingress proxy cannot be reached; look into logs/proxy.log in the data directory (no answer within 0.02 s).',
  );
});

test('a store that fails is named, and is fine again when it answers', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-ready-'));
  let fault: Error | undefined;
  const tap = () => {
    if (fault) throw fault;
  };
  const { url, drop } = await chosenDatabase().place();
  const store = await openStore({
    dataDir,
    log: { warn: () => {} },
    tap,
    ...(url !== undefined && { url }),
  });
  t.after(async () => {
    await store.close();
    await drop();
    rmSync(dataDir, { recursive: true });
  });
  const readiness = new Readiness([storeNeeded(store)]);
  assert.equal(await readiness.lacking(), undefined);
  fault = Object.assign(new Error('disk I/O error'), { code: 'EIO' });
  assert.match((await readiness.lacking()) ?? '', /^The store does not answer; look at the database/);
  fault = undefined;
  assert.equal(await readiness.lacking(), undefined);
});

test('a full disk is told with what is left', async () => {
  const full = diskNeeded('/data', () => Promise.resolve({ bavail: 256, bsize: 4096 }));
  assert.equal(
    await new Readiness([full]).lacking(),
    'The disk of the data directory /data is full; free some space (1 MiB left, 16 needed).',
  );
});

test('many that ask at once share one look', async () => {
  let looks = 0;
  const counted = () => Promise.resolve((looks += 1));
  const readiness = new Readiness([supervisorNeeded(counted)]);
  await Promise.all(Array.from({ length: 50 }, () => readiness.lacking()));
  assert.equal(looks, 1);
  await readiness.lacking();
  assert.equal(looks, 2);
});
