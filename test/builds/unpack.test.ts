import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, readdir, readFile, readlink, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { unpack } from '../../src/builds/unpack.ts';
import { unpackLimits } from '../../src/builds/archive-plan.ts';
import type { UnpackLimits } from '../../src/builds/archive-plan.ts';
import type { Unpacked, UnpackRequest } from '../../src/builds/unpack.ts';
import { Problem } from '../../src/domain/errors.ts';
import { tar, tarGz, zipOf } from './archive-builder.ts';
import type { TarPiece } from './archive-builder.ts';
import { hostileArchives } from './hostile-archives.ts';
import { aSandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

const never = new AbortController().signal;

async function put(
  { root, dir }: Sandbox,
  fileName: string,
  bytes: Buffer,
  more: Partial<UnpackRequest> = {},
): Promise<Unpacked> {
  const archive = join(root, `archive-${fileName}`);
  await writeFile(archive, bytes);
  return unpack({ archive, fileName, dir, signal: never, ...more });
}

const unusable = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, 'packageUnusable');
  assert.match(error.message, pattern);
  return true;
};

test('the corpus holds at least 40 hostile archives', () => {
  assert.ok(hostileArchives.length >= 40, `${hostileArchives.length}`);
  assert.equal(
    new Set(hostileArchives.map(({ title, fileName }) => title + fileName)).size,
    hostileArchives.length,
  );
});

for (const { title, fileName, bytes, refusal } of hostileArchives) {
  const does = refusal ? 'is refused by its name' : 'is taken';
  test(`${fileName} with ${title} ${does}, and nothing outside is touched`, async (t) => {
    const sandbox = await aSandbox(t);
    await writeFile(join(sandbox.root, `archive-${fileName}`), bytes(sandbox.outside));
    const before = await sandbox.scan();
    const request = {
      archive: join(sandbox.root, `archive-${fileName}`),
      fileName,
      dir: sandbox.dir,
      signal: never,
    };
    if (refusal) await assert.rejects(unpack(request), unusable(refusal));
    else await unpack(request);
    assert.deepEqual(await sandbox.scan(), before);
    await assertHarmless(sandbox.dir);
  });
}

/** Plain files, directories and links that stay; no special bits. */
async function assertHarmless(dir: string): Promise<void> {
  const root = await realpath(dir).catch(() => undefined);
  if (root === undefined) return;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const found = await lstat(path);
    if (found.isSymbolicLink()) {
      const target = await realpath(path).catch(() => undefined);
      assert.ok(
        target === undefined || target === root || target.startsWith(`${root}/`),
        `${path} -> ${await readlink(path)}`,
      );
      continue;
    }
    assert.ok(found.isFile() || found.isDirectory(), path);
    assert.equal(found.mode & 0o7000, 0, `${path} ${found.mode.toString(8)}`);
  }
}

test('an archive that is refused for one entry has written none', async (t) => {
  const sandbox = await aSandbox(t);
  await assert.rejects(put(sandbox, 'p.tgz', tarGz([{ name: 'first', body: 'x' }, { name: '../last' }])));
  assert.deepEqual(await readdir(sandbox.dir), []);
});

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

test('a ratio of 1,000 is fine below the free size, as in a package with a table of zeros', async (t) => {
  const sandbox = await aSandbox(t);
  await put(sandbox, 'p.zip', zipOf([{ name: 'table', body: Buffer.alloc(20 * MIB) }]));
  assert.equal((await stat(join(sandbox.dir, 'table'))).size, 20 * MIB);
});

test('a .tar.gz made by the system is unpacked as it was, links and executables included', async (t) => {
  const sandbox = await aSandbox(t);
  const source = join(sandbox.root, 'source');
  execFileSync('sh', [
    '-c',
    `mkdir -p "$0/bin" "$0/lib/deep" && cd "$0" && printf '#!/bin/sh\n' > bin/run && chmod 755 bin/run &&
     printf content > lib/deep/file && ln -s ../lib/deep/file bin/link && ln lib/deep/file lib/twin &&
     printf long > lib/${'n'.repeat(180)} && tar czf ../archive.tgz .`,
    source,
  ]);
  const archive = join(sandbox.root, 'archive.tgz');
  const unpacked = await unpack({ archive, fileName: 'app.tgz', dir: sandbox.dir, signal: never });
  assert.deepEqual(unpacked, { kind: 'directory', files: 3 });
  execFileSync('diff', ['-r', source, sandbox.dir]);
  assert.equal((await stat(join(sandbox.dir, 'bin/run'))).mode & 0o777, 0o755);
  assert.equal((await stat(join(sandbox.dir, 'lib/deep/file'))).mode & 0o777, 0o644);
  assert.equal(await readlink(join(sandbox.dir, 'bin/link')), '../lib/deep/file');
});

for (const [kind, archive] of [
  ['tar', (names: readonly string[]) => tarGz(names.map((name) => ({ name, body: name })))],
  ['zip', (names: readonly string[]) => zipOf(names.map((name) => ({ name, body: name })))],
] as const) {
  const fileName = kind === 'tar' ? 'p.tar.gz' : 'p.zip';

  test(`${kind}: a single directory around everything is taken off, and said so`, async (t) => {
    const sandbox = await aSandbox(t);
    const unpacked = await put(
      sandbox,
      fileName,
      archive(['app-1.0/package.json', 'app-1.0/lib/x.js', '__MACOSX/._app-1.0']),
    );
    assert.deepEqual(unpacked, { kind: 'directory', files: 2, stripped: 'app-1.0' });
    assert.equal(await readFile(join(sandbox.dir, 'lib/x.js'), 'utf8'), 'app-1.0/lib/x.js');
    assert.deepEqual((await readdir(sandbox.dir)).sort(), ['lib', 'package.json']);
  });

  test(`${kind}: a directory beside a file stays, and so does WEB-INF alone`, async (t) => {
    const sandbox = await aSandbox(t);
    assert.deepEqual(await put(sandbox, fileName, archive(['lib/x.js', 'main.js'])), {
      kind: 'directory',
      files: 2,
    });
    const other = await aSandbox(t);
    await put(other, fileName, archive(['WEB-INF/web.xml']));
    assert.deepEqual(await readdir(other.dir), ['WEB-INF']);
  });
}

test('.jar and .war stay single files under their own names', async (t) => {
  for (const fileName of ['shop.jar', 'Shop-1.0.WAR']) {
    const sandbox = await aSandbox(t);
    const bytes = zipOf([{ name: 'META-INF/MANIFEST.MF', body: 'x' }]);
    assert.deepEqual(await put(sandbox, fileName, bytes), { kind: 'file', files: 1 });
    assert.deepEqual(await readFile(join(sandbox.dir, fileName)), bytes);
  }
});

test('a package whose name is none, or leads elsewhere, is refused', async (t) => {
  const sandbox = await aSandbox(t);
  const archive = join(sandbox.root, 'archive');
  await writeFile(archive, zipOf([{ name: 'x', body: 'x' }]));
  const before = await sandbox.scan();
  for (const fileName of [
    'app.exe',
    'app',
    '.zip',
    'zip',
    '../x.jar',
    'a/b.war',
    '/x.jar',
    '..\\x.jar',
    'C:x.jar',
    'x\0.jar',
    'x'.repeat(300) + '.jar',
  ]) {
    await assert.rejects(
      unpack({ archive, fileName, dir: sandbox.dir, signal: never }),
      unusable(/expected|path|leads|absolute|backslash|drive|control|longer/),
      fileName,
    );
  }
  assert.deepEqual(await sandbox.scan(), before);
});

test('unpacking stops when it is called off', async (t) => {
  const sandbox = await aSandbox(t);
  const reason = new Error('called off');
  await assert.rejects(
    put(sandbox, 'p.zip', zipOf([{ name: 'x', body: 'x' }]), { signal: AbortSignal.abort(reason) }),
    reason,
  );
  await assert.rejects(
    put(sandbox, 'p.tgz', tarGz([{ name: 'x', body: 'x' }]), { signal: AbortSignal.abort(reason) }),
    reason,
  );
});

test('whatever an archive holds, nothing outside changes and no link leads out', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  const numRuns = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 1000 : 200;
  t.diagnostic(`SEED=${seed}, ${numRuns} archives`);
  const part = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'c', 'A') },
    { weight: 1, arbitrary: fc.constantFrom('.', '..', '') },
  );
  const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const upwards = fc.tuple(fc.nat(3), name).map(([ups, rest]) => '../'.repeat(ups) + rest);
  const target = fc.oneof(name, upwards, fc.constant('../outside/canary'), fc.constant('/etc/passwd'));
  const piece: fc.Arbitrary<TarPiece> = fc.oneof(
    fc.record({ name, type: fc.constant('0'), body: fc.constant('x') }),
    fc.record({ name, type: fc.constant('5') }),
    fc.record({ name, type: fc.constantFrom('1', '2'), link: target }),
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
      const sandbox = await aSandbox(t);
      const bytes = tarGz(pieces);
      await writeFile(join(sandbox.root, 'archive-p.tgz'), bytes);
      const before = await sandbox.scan();
      await put(sandbox, 'p.tgz', bytes).then(
        () => taken++,
        (error: unknown) =>
          assert.ok(error instanceof Problem && error.code === 'packageUnusable', String(error)),
      );
      // The archive itself was written anew by put.
      const withoutArchive = (lines: readonly string[]) =>
        lines.filter((line) => !line.includes('archive-p.tgz '));
      assert.deepEqual(withoutArchive(await sandbox.scan()), withoutArchive(before));
      await assertHarmless(sandbox.dir);
    }),
    { seed, numRuns },
  );
  t.diagnostic(`${taken} were taken`);
  assert.ok(taken > 0, 'none was taken: the archives are too wild to show anything');
});
