import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Problem } from '../domain/errors.ts';
import type { BuildContext } from './runtime.ts';

export const unusable = (message: string): Problem => new Problem('packageUnusable', message);

/** The path of a file of the build, as a launch names it. */
export function inRelease(build: Pick<BuildContext, 'buildDir'>, path: string): string {
  const below = relative(build.buildDir, path);
  return below === '' ? '{{releaseDir}}' : `{{releaseDir}}/${below}`;
}

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

/** Small files such as package.json or Procfile; more than this is not one. */
const TEXT_BYTES_MOST = 1024 * 1024;

export async function readSmallText(path: string): Promise<string | undefined> {
  if (!(await isFile(path))) return undefined;
  const { size } = await stat(path);
  if (size > TEXT_BYTES_MOST)
    throw unusable(`${path.split('/').at(-1)} has ${size} bytes; expected at most ${TEXT_BYTES_MOST}.`);
  return readFile(path, 'utf8');
}

/** The first line's interpreter, such as "/bin/bash", of a script. */
export async function interpreterOf(path: string): Promise<readonly string[] | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    const [first = ''] = buffer.subarray(0, bytesRead).toString('latin1').split('\n');
    return first.startsWith('#!') ? first.slice(2).trim().split(/\s+/) : undefined;
  } finally {
    await file.close();
  }
}

const NAMES_SHOWN = 8;

/** For messages: what a package holds, since that is what its author has to look at. */
export async function holds(dir: string): Promise<string> {
  const names = (await readdir(dir)).sort();
  if (names.length === 0) return 'it is empty';
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return `it holds ${shown}${names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''}`;
}
