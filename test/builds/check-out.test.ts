import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BuildLog } from '../../src/builds/build-log.ts';
import { checkOut, resolveRef } from '../../src/builds/check-out.ts';
import type { GitPlace, Repository } from '../../src/builds/git.ts';
import { Problem } from '../../src/domain/errors.ts';
import { GitServer } from '../builders/git-server.ts';

const isRoot = process.getuid?.() === 0;
/** A user that nothing else here runs as. */
const USER = 265_000;

async function aPlace(t: TestContext, limits: GitPlace['limits'] = {}): Promise<GitPlace> {
  const root = await mkdtemp(join(tmpdir(), 'openstage-clone-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o711);
  const dir = join(root, 'clone');
  await mkdir(dir, { mode: 0o700 });
  const log = new BuildLog((line) => line);
  return { dir, log, limits, signal: new AbortController().signal, ...(isRoot && { user: USER }) };
}

const at = (url: string, credential?: Repository['credential']): Repository => ({
  url,
  addresses: ['127.0.0.1'],
  ...(credential && { credential }),
});

const problem =
  (says: RegExp, code = 'artifactUnavailable') =>
  (error: unknown) => {
    assert.ok(error instanceof Problem, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, says);
    return true;
  };

test('a branch, a tag, a commit and the default are resolved to commits, and checked out', async (t) => {
  const server = await GitServer.start(t);
  const old = await server.push('a/b', { files: { 'page.txt': 'old' }, tag: 'v1' });
  const main = await server.push('a/b', { files: { 'page.txt': 'main' } });
  const side = await server.push('a/b', { files: { 'page.txt': 'side' }, branch: 'feature/x' });
  const repository = at(server.url('a/b'));
  const rows = [
    { ref: undefined, commit: main, page: 'main' },
    { ref: 'feature/x', commit: side, page: 'side' },
    { ref: 'refs/heads/master', commit: main, page: 'main' },
    { ref: 'v1', commit: old, page: 'old' },
    { ref: old.toUpperCase(), commit: old, page: 'old' },
  ];
  for (const { ref, commit, page } of rows) {
    const place = await aPlace(t);
    const resolved = await resolveRef(repository, ref, place);
    assert.equal(resolved.commit, commit, ref);
    const tree = join(place.dir, 'tree');
    await checkOut(repository, resolved, tree, place);
    assert.equal(await readFile(join(tree, 'page.txt'), 'utf8'), page);
  }
});

test('what is not there is told apart: the branch, the commit, the repository, any commit at all', async (t) => {
  const server = await GitServer.start(t);
  await server.push('a/b', { files: { a: '1' } });
  const place = await aPlace(t);
  const repository = at(server.url('a/b'));
  await assert.rejects(resolveRef(repository, 'gone', place), problem(/has no branch or tag "gone"/));
  await assert.rejects(
    resolveRef(at(server.url('a/nothing')), undefined, place),
    problem(/There is no repository at/),
  );
  const nowhere = { commit: '1'.repeat(40) };
  await assert.rejects(
    checkOut(repository, nowhere, join(place.dir, 'tree'), place),
    problem(/has no commit 1{40} on any branch or tag/),
  );
});

test('a private repository opens with its credential, which stands in no file, output or message', async (t) => {
  const server = await GitServer.start(t);
  const commit = await server.push('a/b', { files: { a: '1' } });
  server.close('a/b', 'oauth2', 'to:ken@secret');
  const place = await aPlace(t);
  await assert.rejects(
    resolveRef(at(server.url('a/b')), undefined, place),
    problem(/does not open without a login/),
  );
  const wrong = { user: 'oauth2', password: 'wrong-secret' };
  await assert.rejects(
    resolveRef(at(server.url('a/b'), wrong), undefined, place),
    (error) =>
      problem(/does not open with the git authorization/)(error) &&
      !JSON.stringify(error).includes('wrong-secret'),
  );
  const repository = at(server.url('a/b'), { user: 'oauth2', password: 'to:ken@secret' });
  const resolved = await resolveRef(repository, undefined, place);
  assert.equal(resolved.commit, commit);
  await checkOut(repository, resolved, join(place.dir, 'tree'), place);
  const files = await readdir(place.dir, { recursive: true, withFileTypes: true });
  const basic = Buffer.from('oauth2:to:ken@secret').toString('base64');
  for (const file of files.filter((one) => one.isFile())) {
    const text = await readFile(join(file.parentPath, file.name), 'latin1');
    assert.ok(!text.includes('ken@secret') && !text.includes(basic), join(file.parentPath, file.name));
  }
});

test('git goes to the checked address and nowhere else: no redirect, no other name, no proxy', async (t) => {
  const server = await GitServer.start(t);
  await server.push('a/b', { files: { a: '1' } });
  const place = await aPlace(t);
  const { port } = new URL(server.url('a/b'));
  // A name that no name service knows: only the pinned address can have been asked.
  const named = at(`http://git.example.invalid:${port}/a/b.git`);
  assert.match((await resolveRef(named, undefined, place)).commit, /^[0-9a-f]{40}$/);

  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  t.after(() => elsewhere.close());
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  process.env['http_proxy'] = other;
  t.after(() => delete process.env['http_proxy']);
  server.intercept = (request, response) => {
    response.writeHead(302, { location: `${other}${request.url}` }).end();
    return true;
  };
  await assert.rejects(
    resolveRef(at(server.url('a/b'), { user: 'a', password: 'secret' }), undefined, place),
    problem(/has moved/),
  );
  assert.deepEqual(asked, []);
});

test('links that lead out stay links, hooks and submodules of a repository do nothing', async (t) => {
  const server = await GitServer.start(t);
  const place = await aPlace(t);
  const commit = await server.push('a/b', {
    files: {
      '.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = file:///etc\n`,
      'hooks/post-checkout': '#!/bin/sh\ntouch ../ran\n',
      '.gitattributes': '*.txt filter=evil\n',
      'a.txt': 'a',
    },
    executable: ['hooks/post-checkout'],
    arrange: async (dir) => symlink('/etc/passwd', join(dir, 'out')),
  });
  const tree = join(place.dir, 'tree');
  await checkOut(at(server.url('a/b')), { commit }, tree, place);
  assert.ok((await lstat(join(tree, 'out'))).isSymbolicLink());
  assert.deepEqual((await readdir(place.dir)).toSorted(), ['tree']);
  assert.deepEqual(await readdir(join(tree, '.git', 'hooks')).catch(() => []), []);
});

test('files that lie outside of git are refused by name', async (t) => {
  const server = await GitServer.start(t);
  const place = await aPlace(t);
  const commit = await server.push('a/b', {
    files: { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'big.bin': 'version 1' },
  });
  await assert.rejects(
    checkOut(at(server.url('a/b')), { commit }, join(place.dir, 'tree'), place),
    problem(/Git LFS\), such as big\.bin/, 'buildFailed'),
  );
});

test('a repository that is larger than the disk may take is ended', async (t) => {
  const server = await GitServer.start(t);
  const commit = await server.push('a/b', {
    files: {},
    arrange: (dir) => writeFile(join(dir, 'huge'), Buffer.alloc(64 * 1024 * 1024)),
  });
  const place = await aPlace(t, { disk: { bytes: 8 * 1024 * 1024, entries: 1000, freeBytes: 0 } });
  await assert.rejects(
    checkOut(at(server.url('a/b')), { commit }, join(place.dir, 'tree'), place),
    problem(/wrote more than|large|unable to write|signal|code/, 'buildFailed'),
  );
});
