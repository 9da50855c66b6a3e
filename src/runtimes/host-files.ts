import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Of the host itself; what a package holds is looked at by `PackageTree`. */
export async function isFile(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => undefined);
  return entry?.isFile() ?? false;
}

export async function isDirectory(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => undefined);
  return entry?.isDirectory() ?? false;
}

export async function isExecutableFile(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => undefined);
  return entry !== undefined && entry.isFile() && (entry.mode & 0o111) !== 0;
}

/** The first of these files that is there, by name. */
export async function firstFile(dir: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await isFile(join(dir, name))) return name;
  return undefined;
}
