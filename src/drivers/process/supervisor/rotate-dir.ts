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
import { setImmediate as turn } from 'node:timers/promises';
import { partOf, partStamp } from '../../../domain/log-rule.ts';
import { asUser } from './as-user.ts';
import { inHeld } from './log-dirs.ts';
import { reasonOf } from './reason.ts';
import type { Source } from './replica-files.ts';

export interface Bounds {
  /** Of one old part: the newest bytes of its file. */
  readonly partBytes: number;
  /** Of one file. */
  readonly parts: number;
  /** Whatever else is in the directory is left alone. */
  readonly files: number;
}
export const BOUNDS: Bounds = { partBytes: 16 * 1024 * 1024, parts: 10, files: 100 };

/** What is listed at most of a directory that its owner may fill with names. */
const MOST_NAMES = 10_000;
const { O_RDWR, O_RDONLY, O_WRONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_CREAT, O_EXCL } = constants;

/**
 * Copies every log file in the directory to an old part that bears the time, and empties it: the application keeps its
 * descriptor, which appends. What it writes between the two is lost. Everything is done with the rights of the
 * application's user, in the very directory that was mounted; answers sentences on what could not be done.
 */
export async function rotateDir(
  { dir, device, inode }: Source,
  user: number | undefined,
  at: number,
  bounds = BOUNDS,
): Promise<readonly string[]> {
  const held = openSync(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { dev, ino } = fstatSync(held);
    if (dev !== device || ino !== inode) return [`${dir} is another directory than it was`];
    const names = asUser(user, () => namesIn(inHeld(held, dir)));
    const flaws: string[] = [];
    const place = (name: string) => inHeld(held, dir, name);
    for (const name of names.filter((each) => partOf(each) === undefined).slice(0, bounds.files)) {
      const flaw = asUser(user, () =>
        rotateFile(place(name), place(`${name}.${partStamp(at)}`), user, bounds),
      );
      if (flaw !== undefined) flaws.push(`${dir}/${name}: ${flaw}`);
      // A large file takes a while; others are served in between.
      await turn();
    }
    asUser(user, () => dropOldest(namesIn(inHeld(held, dir)), place, bounds));
    return flaws;
  } finally {
    closeSync(held);
  }
}

function namesIn(path: string): string[] {
  const names: string[] = [];
  const listing = opendirSync(path);
  try {
    for (let entry = listing.readSync(); entry && names.length < MOST_NAMES; entry = listing.readSync())
      if (entry.isFile()) names.push(entry.name);
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
    return reasonOf(error);
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

function dropOldest(names: readonly string[], place: (name: string) => string, { parts }: Bounds): void {
  const byFile = Map.groupBy(
    names.filter((name) => partOf(name) !== undefined),
    partOf,
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
