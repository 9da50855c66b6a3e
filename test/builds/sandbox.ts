import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A directory to unpack into, with neighbours that an escape would hit. */
export interface Sandbox {
  readonly root: string;
  /** Not made yet. */
  readonly dir: string;
  readonly outside: string;
  /** Everything in the sandbox but `dir`, each with its kind, mode, times and content. */
  scan(): Promise<readonly string[]>;
}

export async function aSandbox(t: TestContext): Promise<Sandbox> {
  const root = await mkdtemp(join(tmpdir(), 'openstage-unpack-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const outside = join(root, 'outside');
  const dir = join(root, 'work', 'package');
  await mkdir(outside);
  await mkdir(join(root, 'work'));
  await writeFile(join(outside, 'canary'), 'alive', { mode: 0o600 });
  return {
    root,
    dir,
    outside,
    async scan() {
      const lines: string[] = [];
      for await (const line of describe(root, dir)) lines.push(line);
      return lines;
    },
  };
}

async function* describe(path: string, except: string): AsyncGenerator<string> {
  const found = await lstat(path);
  const common = `${path} ${found.mode.toString(8)} ${found.uid} ${found.nlink}`;
  if (found.isDirectory()) {
    const names = (await readdir(path)).filter((name) => join(path, name) !== except);
    // The directory that holds `except` changes its count of links when that is made.
    yield `${path} ${found.mode.toString(8)} ${found.uid} ${names.join(',')}`;
    for (const name of names) yield* describe(join(path, name), except);
  } else if (found.isSymbolicLink()) yield `${common} -> ${await readlink(path)}`;
  else yield `${common} ${found.mtimeMs} ${hash(await readFile(path))}`;
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
