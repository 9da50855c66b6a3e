import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { walkTree } from '../../src/files/tree.ts';

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
