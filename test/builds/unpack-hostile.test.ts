import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { unpack } from '../../src/builds/unpack.ts';
import { Problem } from '../../src/domain/errors.ts';
import { tarGz } from './archive-builder.ts';
import type { TarPiece } from './archive-builder.ts';
import { hostileTars } from './hostile-tars.ts';
import { hostileZips } from './hostile-zips.ts';
import { aSandbox } from './sandbox.ts';
import { assertHarmless, never, put, unusable } from './unpacking.ts';

const hostileArchives = [
  ...hostileTars.map((archive) => ({ ...archive, fileName: 'p.tar.gz' })),
  ...hostileZips.map((archive) => ({ ...archive, fileName: 'p.zip' })),
];

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

test('an archive that is refused for one entry has written none', async (t) => {
  const sandbox = await aSandbox(t);
  await assert.rejects(put(sandbox, 'p.tgz', tarGz([{ name: 'first', body: 'x' }, { name: '../last' }])));
  assert.deepEqual(await readdir(sandbox.dir), []);
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
  const rest = fc.oneof(name, fc.constant(''), fc.constant('outside/canary'));
  const upwards = fc.tuple(fc.nat(3), rest).map(([ups, end]) => `${'../'.repeat(ups)}${end}`);
  const target = fc.oneof(name, upwards, fc.constant('/etc/passwd'));
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
