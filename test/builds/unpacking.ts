import assert from 'node:assert/strict';
import { lstat, readdir, readlink, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpack } from '../../src/builds/unpack.ts';
import type { Unpacked, UnpackRequest } from '../../src/builds/unpack.ts';
import { Problem } from '../../src/domain/errors.ts';
import type { Sandbox } from './sandbox.ts';

export const never = new AbortController().signal;

export async function put(
  { root, dir }: Sandbox,
  fileName: string,
  bytes: Buffer,
  more: Partial<UnpackRequest> = {},
): Promise<Unpacked> {
  const archive = join(root, `archive-${fileName}`);
  await writeFile(archive, bytes);
  return unpack({ archive, fileName, dir, signal: never, ...more });
}

export const unusable = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, 'packageUnusable');
  assert.match(error.message, pattern);
  return true;
};

/** Plain files, directories and links that stay; no special bits. */
export async function assertHarmless(dir: string): Promise<void> {
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
