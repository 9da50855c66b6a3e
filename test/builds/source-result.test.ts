import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { resultOf } from '../../src/builds/source-result.ts';
import { SourceTree } from '../../src/builds/source-tree.ts';
import { unpack } from '../../src/builds/unpack.ts';
import { Problem } from '../../src/domain/errors.ts';

async function aTree(t: TestContext, files: Readonly<Record<string, string>>): Promise<SourceTree> {
  const root = await mkdtemp(join(tmpdir(), 'openstage-tree-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const dir = join(root, 'tree');
  await mkdir(dir);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  return new SourceTree(dir);
}

const jars = ['.jar', '.war'];

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('the one archive that a build made is the result, not those beside it', async (t) => {
  const tree = await aTree(t, {
    'pom.xml': '<project/>',
    'target/cart-1.0.jar': 'PK cart',
    'target/cart-1.0-sources.jar': 'PK sources',
    'target/original-cart-1.0.jar': 'PK plain',
  });
  const { fileName, content } = await resultOf(tree, jars, 'cart');
  assert.equal(fileName, 'cart-1.0.jar');
  assert.equal((await bytesOf(content)).toString(), 'PK cart');
});

test('the archive of the only module that makes one is found; several are refused by name', async (t) => {
  const one = await aTree(t, { 'pom.xml': '', 'web/target/web.war': 'PK' });
  assert.equal((await resultOf(one, ['.war', '.jar'], 'cart')).fileName, 'web.war');
  const two = await aTree(t, { 'target/a.jar': 'PK', 'target/b.jar': 'PK' });
  await assert.rejects(
    resultOf(two, jars, 'cart'),
    (error) =>
      error instanceof Problem && /made 2 archives \(target\/a\.jar, target\/b\.jar\)/.test(error.message),
  );
  const chosen = await aTree(t, {
    Procfile: 'web: java -jar target/a.jar',
    'target/a.jar': 'PK',
    'target/b.jar': 'PK',
  });
  assert.equal((await resultOf(chosen, jars, 'cart')).fileName, 'cart.tar.gz');
});

test('a tree becomes a package that unpacks to the same tree, without its history', async (t) => {
  const tree = await aTree(t, { 'src/app.js': 'app', '.git/config': 'x', '.npmrc': 'y' });
  await symlink('src/app.js', join(tree.dir, 'app'));
  const { fileName, content } = await resultOf(tree, [], 'shop');
  const archive = join(tree.dir, '..', fileName);
  await writeFile(archive, await bytesOf(content));
  const dir = join(tree.dir, '..', 'unpacked');
  await unpack({ archive, fileName, dir, signal: new AbortController().signal });
  assert.equal(await readFile(join(dir, 'src', 'app.js'), 'utf8'), 'app');
  assert.equal(await readFile(join(dir, 'app'), 'utf8'), 'app');
  assert.equal(await readFile(join(dir, '.npmrc'), 'utf8'), 'y');
  await assert.rejects(readFile(join(dir, '.git', 'config')), /ENOENT/);
});

test('nothing outside of the tree is read, whatever links say', async (t) => {
  const tree = await aTree(t, { 'package.json': '{}' });
  const secret = join(tree.dir, '..', 'secret.jar');
  await mkdir(join(tree.dir, '..', 'out'));
  await writeFile(secret, 'secret');
  await writeFile(join(tree.dir, '..', 'out', 'a.jar'), 'secret');
  await symlink(secret, join(tree.dir, 'build.sh'));
  await symlink('../out', join(tree.dir, 'target'));
  assert.equal(await tree.has('build.sh'), false);
  assert.equal(await tree.text('build.sh'), undefined);
  assert.equal(await tree.has('target/a.jar'), false);
  assert.deepEqual(await tree.filesIn('target'), []);
  assert.equal(await tree.text('../secret.jar'), undefined);
  const { fileName, content } = await resultOf(tree, jars, 'shop');
  assert.equal(fileName, 'shop.tar.gz');
  const archive = join(tree.dir, '..', fileName);
  await writeFile(archive, await bytesOf(content));
  const unpacking = unpack({
    archive,
    fileName,
    dir: join(tree.dir, '..', 'unpacked'),
    signal: new AbortController().signal,
  });
  await assert.rejects(
    unpacking,
    (error) => error instanceof Problem && /may lead out of the package/.test(error.message),
  );
});

test('a hard link to a file of somebody else is no part of a result', async (t) => {
  const tree = await aTree(t, { a: 'a' });
  const outside = join(tree.dir, '..', 'outside');
  await writeFile(outside, 'secret');
  await link(outside, join(tree.dir, 'stolen'));
  await assert.rejects(
    resultOf(tree, [], 'shop'),
    (error) => error instanceof Problem && /"stolen" is a hard link to a file outside/.test(error.message),
  );
});
