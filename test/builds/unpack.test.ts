import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { unpack } from '../../src/builds/unpack.ts';
import { tarGz, zipOf } from './archive-builder.ts';
import { aSandbox } from './sandbox.ts';
import { never, put, unusable } from './unpacking.ts';

const MIB = 1024 ** 2;

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
