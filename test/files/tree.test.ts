import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileIn, walkTree } from '../../src/files/tree.ts';

test('a directory that is swapped for a link while its tree is walked is not entered', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'openstage-tree-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const [root, outside] = [join(dir, 'root'), join(dir, 'outside')];
  for (const place of [outside, join(root, 'one'), join(root, 'two')])
    await mkdir(place, { recursive: true });
  await writeFile(join(outside, 'secret'), '');
  const seen: string[] = [];
  const walk = walkTree(root, {
    // Both were seen as directories; the one that comes second is a link by then.
    enter: async ({ path }) => {
      seen.push(path);
      if (path === '' || seen.length > 2) return;
      const other = join(root, path === 'one' ? 'two' : 'one');
      await rmdir(other);
      await symlink(outside, other);
    },
    entry: async (place, name) => void seen.push(place.below(name)),
  });
  await assert.rejects(walk, /ENOTDIR|ELOOP/);
  assert.equal(seen.length, 2, seen.join(', '));
});

test('a name is walked to whatever its bytes are', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'openstage-tree-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const names = ['plain', 'gr\u00fc\u00df', '\ufffd', 'b\xff'];
  for (const name of names.slice(0, 3)) await writeFile(join(dir, name), name);
  // As bytes: what a name of Latin-1 is to who expects UTF-8.
  const odd = Buffer.from(`${dir}/b\xff`, 'latin1');
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from('/\xe4\x80', 'latin1')]), 'odd');
  const read = new Map<string, string>();
  await walkTree(dir, {
    enter: () => Promise.resolve(),
    entry: async (place, name) => {
      await using file = await place.file(name);
      read.set(place.below(name), await file.readFile('utf8'));
      await using again = await openFileIn(dir, place.below(name));
      assert.ok(again, name);
    },
  });
  assert.deepEqual(
    [...read].sort(),
    [...names.slice(0, 3).map((name) => [name, name]), ['b\udcff/\udce4\udc80', 'odd']].sort(),
  );
});
