import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ArtifactStore } from '../../src/artifacts/artifact-store.ts';
import { Problem } from '../../src/domain/errors.ts';
import type { Code } from '../../src/domain/errors.ts';
import { digest } from '../../src/domain/ids.ts';

const MIB = 1024 ** 2;
const limits = { maxBytes: MIB };
const sha256 = (bytes: Buffer | string) => digest(createHash('sha256').update(bytes).digest('hex'));

async function aStore(t: TestContext, seams?: ConstructorParameters<typeof ArtifactStore>[1]) {
  const dataDir = await mkdtemp(join(tmpdir(), 'openstage-artifacts-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  return { dataDir, store: new ArtifactStore(dataDir, seams) };
}

const filesIn = async (dir: string): Promise<readonly string[]> =>
  (await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

const problem = (code: Code, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};

test('a package is kept under its digest and read back as it was', async (t) => {
  const { store, dataDir } = await aStore(t);
  const kept = await store.put(Readable.from([Buffer.from('hello '), Buffer.from('world')]), limits);
  assert.deepEqual(kept, { digest: sha256('hello world'), size: 11 });
  assert.equal(await store.has(kept.digest), true);
  assert.equal(
    store.path(kept.digest),
    join(dataDir, 'artifacts', 'sha256', kept.digest.slice(0, 2), kept.digest),
  );
  assert.equal((await buffer(await store.open(kept.digest))).toString(), 'hello world');
  assert.deepEqual(await filesIn(join(dataDir, 'tmp')), []);
});

test('applications cannot read packages', async (t) => {
  const { store, dataDir } = await aStore(t);
  const { digest: kept } = await store.put(Readable.from([Buffer.from('x')]), limits);
  assert.equal((await stat(store.path(kept))).mode & 0o777, 0o600);
  assert.equal((await stat(join(dataDir, 'artifacts'))).mode & 0o777, 0o700);
});

test('an empty package is a package', async (t) => {
  const { store } = await aStore(t);
  assert.deepEqual(await store.put(Readable.from([]), limits), { digest: sha256(''), size: 0 });
});

test('the same bytes at once, and again, are one file', async (t) => {
  const { store, dataDir } = await aStore(t);
  const bytes = Buffer.alloc(300_000, 7);
  const source = () => Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]);
  const kept = await Promise.all(Array.from({ length: 10 }, () => store.put(source(), limits)));
  assert.equal(new Set(kept.map(({ digest: each }) => each)).size, 1);
  await store.put(source(), limits);
  assert.deepEqual(await filesIn(dataDir), [sha256(bytes)]);
  assert.deepEqual(await readFile(store.path(sha256(bytes))), bytes);
});

test('a package one byte over the limit is refused and leaves nothing; one at the limit is kept', async (t) => {
  const { store, dataDir } = await aStore(t);
  const source = (bytes: number) => Readable.from([Buffer.alloc(bytes - 1), Buffer.alloc(1)]);
  await assert.rejects(store.put(source(101), { maxBytes: 100 }), problem('tooLarge', /limit of 100 bytes/));
  assert.deepEqual(await filesIn(dataDir), []);
  await store.put(source(100), { maxBytes: 100 });
});

test('a stream that is too long is left open, so that its request can still be answered', async (t) => {
  const { store } = await aStore(t);
  const upload = new PassThrough();
  upload.write(Buffer.alloc(200));
  await assert.rejects(store.put(upload, { maxBytes: 100 }), problem('tooLarge', /./));
  assert.equal(upload.destroyed, false);
  upload.destroy();
});

test('an endless stream is never whole in memory', async (t) => {
  const { store } = await aStore(t);
  let given = 0;
  const chunk = Buffer.alloc(64 * 1024, 1);
  const source = Readable.from(
    (function* () {
      for (;;) {
        given += chunk.length;
        yield chunk;
      }
    })(),
  );
  await assert.rejects(store.put(source, { maxBytes: 8 * MIB }), problem('tooLarge', /./));
  assert.ok(given <= 11 * MIB, `${given} bytes were read for a limit of ${8 * MIB}`);
  source.destroy();
});

test('a stream that breaks off leaves nothing and throws its own error', async (t) => {
  const { store, dataDir } = await aStore(t);
  const reset = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  const source = Readable.from(
    (async function* () {
      yield Buffer.from('half');
      await Promise.reject(reset);
    })(),
  );
  await assert.rejects(store.put(source, limits), reset);
  assert.deepEqual(await filesIn(dataDir), []);
});

test('a package that is called off while nothing comes leaves nothing and throws the reason', async (t) => {
  const { store, dataDir } = await aStore(t);
  const silent = new PassThrough();
  silent.write('half');
  const control = new AbortController();
  const putting = store.put(silent, { ...limits, signal: control.signal });
  const reason = new Error('called off');
  setImmediate(() => control.abort(reason));
  await assert.rejects(putting, reason);
  assert.deepEqual(await filesIn(dataDir), []);
  await assert.rejects(store.put(Readable.from([]), { ...limits, signal: control.signal }), reason);
});

test('bytes that are not what was expected are not kept', async (t) => {
  const { store, dataDir } = await aStore(t);
  const put = (expect: string) =>
    store.put(Readable.from([Buffer.from('x')]), { ...limits, expect: sha256(expect) });
  await assert.rejects(
    put('y'),
    problem('artifactUnavailable', new RegExp(`${sha256('x')}.*expected ${sha256('y')}`)),
  );
  assert.deepEqual(await filesIn(dataDir), []);
  await put('x');
});

test('a full disk is a Problem that can be tried again, and leaves nothing', async (t) => {
  // The kernel's own full device, in place of the temporary file.
  const { store, dataDir } = await aStore(t, {
    open: (path, flags, mode) =>
      open(flags === 'wx' ? '/dev/full' : path, flags === 'wx' ? 'w' : flags, mode),
  });
  await assert.rejects(
    store.put(Readable.from([Buffer.from('x')]), limits),
    problem('unavailable', /ENOSPC.*[Ff]ree space/),
  );
  assert.deepEqual(await filesIn(dataDir), []);
});

for (const code of ['EIO', 'EROFS', 'EMFILE']) {
  test(`${code} on opening is a Problem that can be tried again`, async (t) => {
    const fault = Object.assign(new Error('fault'), { code });
    const { store } = await aStore(t, { open: () => Promise.reject(fault) });
    await assert.rejects(
      store.put(Readable.from([Buffer.from('x')]), limits),
      problem('unavailable', new RegExp(code)),
    );
  });
}

test('a package is listed with size and time until it is removed', async (t) => {
  const { store } = await aStore(t);
  assert.deepEqual(await store.list(), []);
  const one = await store.put(Readable.from([Buffer.from('one')]), limits);
  const two = await store.put(Readable.from([Buffer.from('second')]), limits);
  const listed = await store.list();
  assert.deepEqual(
    new Map(listed.map(({ digest: each, size }) => [each, size])),
    new Map([
      [one.digest, 3],
      [two.digest, 6],
    ]),
  );
  assert.ok(listed.every(({ putAt }) => Math.abs(putAt - Date.now()) < 60_000));
  await store.remove(one.digest);
  await store.remove(one.digest);
  assert.equal(await store.has(one.digest), false);
  assert.deepEqual(
    (await store.list()).map(({ digest: each }) => each),
    [two.digest],
  );
  await assert.rejects(
    store.open(one.digest),
    problem('artifactUnavailable', /not in the artifact store any more/),
  );
});

test('what a dead run left half-received is removed at start, and nothing else', async (t) => {
  const { store, dataDir } = await aStore(t);
  const kept = await store.put(Readable.from([Buffer.from('x')]), limits);
  await writeFile(join(dataDir, 'tmp', 'artifact-0000'), 'half');
  await writeFile(join(dataDir, 'tmp', 'of-somebody-else'), 'x');
  await new ArtifactStore(dataDir).removeLeftovers();
  assert.deepEqual(await readdir(join(dataDir, 'tmp')), ['of-somebody-else']);
  assert.equal(await store.has(kept.digest), true);
});

test('a fresh data directory has no leftovers and no packages', async (t) => {
  const { store } = await aStore(t);
  await store.removeLeftovers();
  assert.deepEqual(await store.list(), []);
});

test('strangers among the packages are neither listed nor touched', async (t) => {
  const { store, dataDir } = await aStore(t);
  const aside = join(dataDir, 'artifacts', 'sha256', 'zz');
  await mkdir(aside, { recursive: true });
  await writeFile(join(aside, 'readme'), 'x');
  assert.deepEqual(await store.list(), []);
});

test('what is no digest names no file', async (t) => {
  const { store } = await aStore(t);
  for (const text of ['', '..', '../../key', 'A'.repeat(64), `${sha256('')}/..`, `${sha256('')}\n`]) {
    assert.throws(() => store.path(digest(text)), TypeError);
    await assert.rejects(store.has(digest(text)), TypeError);
  }
});
