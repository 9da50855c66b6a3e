import assert from 'node:assert/strict';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { unpackLimits } from '../../src/builds/archive-plan.ts';
import type { UnpackLimits } from '../../src/builds/archive-plan.ts';
import { tar, tarGz, zipOf } from './archive-builder.ts';
import { aSandbox } from './sandbox.ts';
import { put, unusable } from './unpacking.ts';

const MIB = 1024 ** 2;
const zeros = Buffer.alloc(MIB);
const few: UnpackLimits = { ...unpackLimits, entries: 5000 };
const bombs: readonly {
  readonly title: string;
  readonly fileName: string;
  readonly bytes: () => Buffer;
  readonly refusal: RegExp;
  readonly limits?: UnpackLimits;
}[] = [
  {
    title: 'a tar of many zeros',
    fileName: 'b.tgz',
    bytes: () => tarGz(Array.from({ length: 100 }, (_, index) => ({ name: `f${index}`, body: zeros }))),
    refusal: /unpacks to more than 67108864 bytes/,
  },
  {
    title: 'a tar with zeros after its end',
    fileName: 'b.tgz',
    bytes: () => gzipSync(Buffer.concat([tar([{ name: 'ok', body: 'ok' }]), Buffer.alloc(100 * MIB)])),
    refusal: /unpacks to more than 67108864 bytes/,
  },
  {
    title: 'a zip of many zeros',
    fileName: 'b.zip',
    bytes: () => zipOf(Array.from({ length: 100 }, (_, index) => ({ name: `f${index}`, body: zeros }))),
    refusal: /unpacks to more than 67108864 bytes/,
  },
  {
    title: 'a zip that claims little',
    fileName: 'b.zip',
    bytes: () => zipOf([{ name: 'f', body: Buffer.alloc(100 * MIB), claimed: 10 }]),
    refusal: /not a whole \.zip|longer/,
  },
  {
    title: 'a tar with 210,000 entries',
    fileName: 'b.tgz',
    bytes: () => tarGz(Array.from({ length: 210_000 }, (_, index) => ({ name: `f${index}` }))),
    refusal: /more than 200000 files and directories/,
  },
  {
    title: 'a tar with few entries in many directories',
    fileName: 'b.tgz',
    bytes: () =>
      tarGz(
        Array.from({ length: 60 }, (_, index) => ({ name: '', longName: `${index}/${'d/'.repeat(95)}f` })),
      ),
    refusal: /more than 5000 files and directories/,
    limits: few,
  },
  {
    title: 'a zip with too many entries',
    fileName: 'b.zip',
    bytes: () => zipOf(Array.from({ length: 6000 }, (_, index) => ({ name: `f${index}`, method: 0 }))),
    refusal: /more than 5000 files and directories/,
    limits: few,
  },
];

for (const { title, fileName, bytes, refusal, limits = unpackLimits } of bombs) {
  test(`${title} is stopped at the limit`, async (t) => {
    const sandbox = await aSandbox(t);
    const archive = bytes();
    const start = performance.now();
    await assert.rejects(put(sandbox, fileName, archive, { limits }), unusable(refusal));
    t.diagnostic(`${archive.length} bytes, stopped after ${Math.round(performance.now() - start)} ms`);
    const written = await sizeOf(sandbox.dir);
    assert.ok(written <= 10 * MIB, `${written} bytes were written`);
  });
}

async function sizeOf(dir: string): Promise<number> {
  let size = 0;
  for (const name of await readdir(dir, { recursive: true })) size += (await lstat(join(dir, name))).size;
  return size;
}
