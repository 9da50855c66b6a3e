import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  opendirSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { Source } from '../replica-files.ts';

/** The logs of one replica. It is done in a process of its own, to which this file is given as text. */
export interface RotateOrder {
  readonly source: Source;
  /** The application's; absent: the platform's. */
  readonly user?: number | undefined;
  /** What the old parts of this time bear. */
  readonly stamp: string;
  /** A regular expression for the names of old parts; its first group is the file. */
  readonly part: string;
  readonly bounds: Bounds;
}

export interface Bounds {
  /** Of one old part: the newest bytes of its file. */
  readonly partBytes: number;
  /** Of one file. */
  readonly parts: number;
  /** Whatever else is in the directory is left alone. */
  readonly files: number;
}

/** What is listed at most of a directory that its owner may fill with names. */
const MOST_NAMES = 10_000;
const MOST_ENTRIES = 100_000;
const { O_RDWR, O_RDONLY, O_WRONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_CREAT, O_EXCL } = constants;

/**
 * Copies every log file in the directory to an old part that bears the time, and empties it: the application keeps its
 * descriptor, which appends. What it writes between the two is lost. Everything is done as the application's user, in
 * the very directory that was mounted; answers sentences on what could not be done.
 */
export function rotateLogs({ source, user, stamp, part, bounds }: RotateOrder): readonly string[] {
  const { dir, device, inode } = source;
  const held = openSync(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const { dev, ino } = fstatSync(held);
  if (dev !== device || ino !== inode) return [`${dir} is another directory than it was`];
  becomeUser(user);
  // Found in that very directory, wherever it was moved.
  const place = (name: string) =>
    process.platform === 'linux' ? `/proc/self/fd/${held}/${name}` : `${dir}/${name}`;
  const fileOf = (name: string) => new RegExp(part, 's').exec(name)?.[1];
  const names = namesIn(place('')).filter((name) => fileOf(name) === undefined);
  const flaws = names.slice(0, bounds.files).flatMap((name) => {
    const flaw = rotateFile(place(name), place(`${name}.${stamp}`), user, bounds);
    return flaw === undefined ? [] : [`${dir}/${name}: ${flaw}`];
  });
  dropOldest(namesIn(place('')), fileOf, place, bounds);
  return flaws;
}

/** For good: this process has nothing else to do. */
function becomeUser(user: number | undefined): void {
  if (user === undefined || process.getuid?.() !== 0) return;
  process.setgroups?.([user]);
  process.setgid?.(user);
  process.setuid?.(user);
}

function namesIn(path: string): string[] {
  const names: string[] = [];
  const listing = opendirSync(path);
  try {
    for (let seen = 0; seen < MOST_ENTRIES && names.length < MOST_NAMES; seen += 1) {
      const entry = listing.readSync();
      if (!entry) break;
      if (entry.isFile()) names.push(entry.name);
    }
  } finally {
    listing.closeSync();
  }
  return names.toSorted();
}

/** A sentence where it failed; what is no log of the application is passed over. */
function rotateFile(
  path: string,
  part: string,
  user: number | undefined,
  { partBytes }: Bounds,
): string | undefined {
  let from: number | undefined;
  let to: number | undefined;
  try {
    from = openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(from);
    // A second link may be another's file under a name of the application's choice.
    const isOwn = stats.isFile() && stats.nlink === 1 && stats.uid === (user ?? process.getuid?.());
    if (!isOwn || stats.size === 0) return undefined;
    to = openSync(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, stats.mode & 0o666);
    copyEnd(from, to, stats.size, partBytes);
    ftruncateSync(from, 0);
    return undefined;
  } catch (error) {
    // Another replica that writes into the same directory was first, or the file is gone, or a link, or not its to write.
    if (isOneOf(error, 'EEXIST', 'ENOENT', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO')) return undefined;
    if (to !== undefined) tryUnlink(part);
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (from !== undefined) closeSync(from);
    if (to !== undefined) closeSync(to);
  }
}

const CHUNK_BYTES = 256 * 1024;

/** The application writes on meanwhile: the bound ends a race that it could win. */
function copyEnd(from: number, to: number, size: number, most: number): void {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, most));
  let at = Math.max(0, size - most);
  for (let left = most; left > 0;) {
    const count = readSync(from, chunk, 0, Math.min(chunk.length, left), at);
    if (count === 0) return;
    for (let written = 0; written < count;) written += writeSync(to, chunk, written, count - written);
    at += count;
    left -= count;
  }
}

function dropOldest(
  names: readonly string[],
  fileOf: (name: string) => string | undefined,
  place: (name: string) => string,
  { parts }: Bounds,
): void {
  const byFile = Map.groupBy(
    names.filter((name) => fileOf(name) !== undefined),
    fileOf,
  );
  for (const found of byFile.values())
    for (const name of found.slice(0, Math.max(0, found.length - parts))) tryUnlink(place(name));
}

function tryUnlink(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already, or kept from its own user.
  }
}

const isOneOf = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));
