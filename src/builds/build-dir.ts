import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, lchown, lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';

/** HOME and TMPDIR of one build step. Its name is new each time, so that no package and no step before it laid hands on it. */
export async function makeScratch(dir: string): Promise<Scratch> {
  const path = join(dir, `.scratch-${randomUUID()}`);
  const env = { HOME: join(path, 'home'), TMPDIR: join(path, 'tmp') };
  await mkdir(path);
  for (const place of Object.values(env)) await mkdir(place);
  return { path, env };
}

export interface Scratch {
  readonly path: string;
  readonly env: { readonly HOME: string; readonly TMPDIR: string };
}

/** Everything below a directory and itself, content before container; links are named, never followed. */
async function* walk(path: string): AsyncGenerator<Found> {
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    for (const name of await readdir(path)) yield* walk(join(path, name));
  }
  yield { path, stats };
}

/** Gives a build to the user whose steps work on it. */
export async function handOver(dir: string, user: number): Promise<void> {
  for await (const { path, stats } of walk(dir)) {
    if (stats.uid !== user || stats.gid !== user) await lchown(path, user, user);
  }
}

/**
 * Takes a build back for good: nobody may write to it, everybody may read it, and its bytes are on the disk.
 * The directory itself is left writable for its marker; `close` ends that.
 */
export async function seal(dir: string): Promise<void> {
  const found = await inspected(dir);
  const isRoot = process.getuid?.() === 0;
  for (const { path, stats } of found) {
    if (isRoot && (stats.uid !== 0 || stats.gid !== 0)) await lchown(path, 0, 0);
    if (stats.isDirectory()) await chmod(path, path === dir ? 0o755 : 0o555);
    else if (stats.isFile()) await chmod(path, (stats.mode & 0o111) === 0 ? 0o444 : 0o555);
  }
  await flush(
    dir,
    found.filter(({ stats }) => !stats.isSymbolicLink()).map(({ path }) => path),
  );
}

export const close = (dir: string): Promise<void> => chmod(dir, 0o555);

/** A Problem where a tree holds what is no part of it. */
export async function assertKeepable(dir: string): Promise<void> {
  await inspected(dir);
}

interface Found {
  readonly path: string;
  readonly stats: Stats;
}

/** Nothing is changed before it is known that all of it is the build's own: a hard link may lead out of it. */
async function inspected(dir: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  const names = new Map<string, { readonly path: string; outside: number }>();
  for await (const each of walk(dir)) {
    const { path, stats } = each;
    const isPlain = stats.isDirectory() || stats.isFile() || stats.isSymbolicLink();
    if (!isPlain) throw unsealable(path, dir, 'is a device, a socket or a FIFO');
    if (stats.isFile() && stats.nlink > 1) {
      const id = `${stats.dev}:${stats.ino}`;
      const name = names.get(id) ?? { path, outside: stats.nlink };
      name.outside -= 1;
      names.set(id, name);
    }
    found.push(each);
  }
  for (const { path, outside } of names.values()) {
    if (outside > 0) throw unsealable(path, dir, 'is a hard link to a file outside of the build');
  }
  return found;
}

const unsealable = (path: string, dir: string, what: string) =>
  new Problem(
    'packageUnusable',
    `What the build made cannot be kept: ${JSON.stringify(relative(dir, path))} ${what}; correct the package's build steps.`,
  );

/** Above this many, one flush of the whole file system is cheaper (0.4 ms a file, 5-30 ms for all, when measured). */
const FLUSHED_ONE_BY_ONE = 64;

async function flush(dir: string, paths: readonly string[]): Promise<void> {
  if (paths.length > FLUSHED_ONE_BY_ONE) {
    const isFlushed = await run('sync', ['-f', dir]).then(
      () => true,
      () => false,
    );
    if (isFlushed) return;
  }
  for (const path of paths) await flushed(path);
}

const run = promisify(execFile);

export async function flushed(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Sealed or not, half-made or not. */
export async function removeDir(dir: string): Promise<void> {
  try {
    await openUp(dir);
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** Whoever owns a directory needs the right to write to it before its content can go. */
async function openUp(dir: string): Promise<void> {
  if (!(await lstat(dir)).isDirectory()) return;
  await chmod(dir, 0o700);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(dir, entry.name));
  }
}
