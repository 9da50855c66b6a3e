import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Entry } from './zip.ts';

export function filesBelow(dir: string): readonly Entry[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({
      path: relative(dir, path),
      content: readFileSync(path),
      mode: statSync(path).mode & 0o777,
    }));
}

export async function writeFiles(entries: readonly Entry[], dir: string): Promise<void> {
  for (const { path, content, mode = 0o644 } of entries) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode });
  }
}
