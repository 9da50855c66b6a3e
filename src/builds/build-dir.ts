import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, open, writeFile } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { quoted } from './confine.ts';
import { DEPTH_MOST, type Dir, openFileIn, walkTree } from '../files/tree.ts';

/** What a step finds by name before anything else: the words that it stands for, or why it stands for none. */
export type Commands = Readonly<Record<string, readonly string[] | { readonly missing: string }>>;

/** HOME and TMPDIR of one build step. Its name is new each time, so that no package and no step before it laid hands on it. */
export async function makeScratch(dir: string, commands: Commands = {}): Promise<Scratch> {
  const path = join(dir, `.scratch-${randomUUID()}`);
  const env = { HOME: join(path, 'home'), TMPDIR: join(path, 'tmp') };
  const bin = join(path, 'bin');
  await mkdir(path);
  for (const place of [...Object.values(env), bin]) await mkdir(place);
  for (const [name, words] of Object.entries(commands)) {
    const script =
      'missing' in words
        ? `echo ${quoted(words.missing)} >&2\nexit 127`
        : `exec ${words.map(quoted).join(' ')} "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755, flag: 'wx' });
  }
  return { path, env, bin };
}

export interface Scratch {
  readonly path: string;
  readonly env: { readonly HOME: string; readonly TMPDIR: string };
  /** First on PATH. */
  readonly bin: string;
}

const isRoot = process.getuid?.() === 0;

/** How the entries of a tree are to be, whoever made them. */
interface Shape {
  /** Left as they are where absent. */
  readonly owner?: number;
  readonly directoryMode?: (path: string) => number;
  readonly fileMode?: (stats: Stats) => number;
  /** Who may have made what is in it; others' files are no part of it. */
  readonly isMaker?: (user: number) => boolean;
  readonly isFlushed?: boolean;
}

/** Gives a build to the user whose steps work on it. */
export async function handOver(dir: string, user: number): Promise<void> {
  await shape(dir, { owner: user });
}

/**
 * Takes a tree back from the users of its steps. From the top down, so that from then on nobody else can change what a
 * name in it means.
 */
export async function takeBack(dir: string, isMaker?: (user: number) => boolean): Promise<void> {
  await shape(dir, { ...(isRoot && { owner: 0 }), ...(isMaker && { isMaker }) });
}

/**
 * Takes a build back for good: nobody may write to it, and its bytes are on the disk. The directory itself is left
 * writable for its marker, and closed to all others. Answers with the bytes that it takes on the disk.
 */
export function seal(dir: string, isMaker?: (user: number) => boolean): Promise<number> {
  return shape(dir, {
    ...(isRoot && { owner: 0 }),
    ...(isMaker && { isMaker }),
    directoryMode: (path) => (path === '' ? 0o700 : 0o555),
    fileMode: ({ mode }) => ((mode & 0o111) === 0 ? 0o444 : 0o555),
    isFlushed: true,
  });
}

/** A Problem where a tree holds what is no part of it. */
export async function assertKeepable(dir: string): Promise<void> {
  await shape(dir, {});
}

/** Above this many, one flush of the whole file system is cheaper (0.4 ms a file, 5-30 ms for all, when measured). */
const FLUSHED_ONE_BY_ONE = 64;

const BLOCK_BYTES = 512;

/** A hard link may lead out of the tree; it is only touched once all of its names were seen in there. */
interface Linked {
  readonly path: string;
  outside: number;
}

async function shape(root: string, wanted: Shape): Promise<number> {
  const { owner, directoryMode, fileMode } = wanted;
  const linked = new Map<string, Linked>();
  let flushed = 0;
  let blocks = 0;
  const isOwned = ({ uid, gid }: Stats) => owner === undefined || (uid === owner && gid === owner);
  const check = (path: string, { uid }: Stats) => {
    if (wanted.isMaker?.(uid) === false && uid !== 0) throw unsealable(path, `belongs to user ${uid}`);
  };
  const setFile = async (file: Awaited<ReturnType<Dir['file']>>) => {
    const stats = await file.stat();
    if (owner !== undefined && !isOwned(stats)) await file.chown(owner, owner);
    if (fileMode) await file.chmod(fileMode(stats));
    if (wanted.isFlushed && ++flushed <= FLUSHED_ONE_BY_ONE) await file.sync();
  };
  await walkTree(root, {
    async enter(dir, stats, depth) {
      blocks += stats.blocks;
      if (depth > DEPTH_MOST)
        throw unsealable(dir.path.slice(0, 100), `goes more than ${DEPTH_MOST} directories deep`);
      check(dir.path, stats);
      if (owner !== undefined && !isOwned(stats)) await dir.own(owner, owner);
      // Readable meanwhile, whatever its maker wanted.
      if (directoryMode) await dir.mode(0o700);
    },
    async entry(dir, name, stats) {
      const path = dir.below(name);
      blocks += stats.blocks / Math.max(1, stats.nlink);
      if (stats.isSymbolicLink()) {
        if (owner !== undefined && !isOwned(stats)) await dir.ownName(name, owner, owner);
        return;
      }
      if (!stats.isFile()) throw unsealable(path, 'is a device, a socket or a FIFO');
      if (stats.nlink > 1) {
        const id = `${stats.dev}:${stats.ino}`;
        const seen = linked.get(id) ?? { path, outside: stats.nlink };
        seen.outside -= 1;
        linked.set(id, seen);
        return;
      }
      check(path, stats);
      if (isOwned(stats) && !fileMode) return;
      if (isRoot) {
        await using file = await dir.file(name);
        // What bears a second name by now is none of ours.
        if ((await file.stat()).nlink > 1) throw unsealable(path, 'was linked while it was looked at');
        await setFile(file);
      } else if (fileMode) await chmod(dir.at(name), fileMode(stats));
    },
    async leave(dir) {
      if (directoryMode) await dir.mode(directoryMode(dir.path));
      if (wanted.isFlushed && ++flushed <= FLUSHED_ONE_BY_ONE) await dir.flush();
    },
  });
  for (const { path, outside } of linked.values())
    if (outside > 0) throw unsealable(path, 'is a hard link to a file outside of the build');
  for (const { path } of linked.values()) {
    await using file = await openFileIn(root, path);
    if (file) await setFile(file);
  }
  if (wanted.isFlushed && flushed > FLUSHED_ONE_BY_ONE)
    await run('sync', ['-f', root]).catch(() => run('sync', []));
  return Math.ceil(blocks * BLOCK_BYTES);
}

const unsealable = (path: string, what: string) =>
  new Problem(
    'packageUnusable',
    `What the build made cannot be kept: ${JSON.stringify(path)} ${what}; correct the package's build steps.`,
  );

const run = promisify(execFile);

export async function flushed(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const REMOVED_WITHIN_MS = 120_000;

/**
 * Sealed or not, half-made or not, however deep: by the system's own `rm`, which goes by descriptors, follows no link,
 * and does not hold up whoever asks for it.
 */
export async function removeDir(dir: string, withinMs = REMOVED_WITHIN_MS): Promise<void> {
  try {
    if (!(await lstat(dir)).isDirectory()) return await removed(dir, withinMs);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  // Whoever owns a directory needs the right to write to it before its content can go.
  if (!isRoot) await run('chmod', ['-R', 'u+rwX', '--', dir], childOptions(withinMs)).catch(() => undefined);
  await removed(dir, withinMs);
}

const childOptions = (timeout: number) =>
  ({ timeout, killSignal: 'SIGKILL', env: { PATH: '/usr/bin:/bin' }, cwd: '/' }) as const;

async function removed(path: string, withinMs: number): Promise<void> {
  await run('rm', ['-rf', '--', path], childOptions(withinMs));
}
