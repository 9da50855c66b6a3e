import { isUtf8 } from 'node:buffer';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lchown, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../domain/disk-fault.ts';

/** Deeper than anything that people make; what goes on further was made to hurt. */
export const DEPTH_MOST = 256;

/** Node has no openat, but on Linux a path through a descriptor is one: nothing above it can be swapped for a link. */
const hasDescriptorPaths = process.platform === 'linux';

/**
 * A name on Linux is bytes. Where they are no UTF-8, each byte above ASCII stands in the text as a lone surrogate, which
 * no UTF-8 yields: so every name is a text, and leads back to its bytes.
 */
const ESCAPE = 0xdc00;
const textOf = (name: Buffer): string =>
  isUtf8(name)
    ? name.toString('utf8')
    : String.fromCharCode(...Array.from(name, (byte) => (byte < 0x80 ? byte : ESCAPE + byte)));
/** Latin-1 keeps the low eight bits of each, which are the byte. */
const bytesOf = (path: string): string | Buffer => (path.isWellFormed() ? path : Buffer.from(path, 'latin1'));

/** A directory that is held by its descriptor: whoever renames or replaces what leads to it changes nothing. */
export class Dir {
  /** Below the root of the walk; '' for the root itself. For messages. */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #place: string;

  private constructor(path: string, handle: FileHandle, place: string) {
    this.path = path;
    this.#handle = handle;
    this.#place = place;
  }

  /** The root of a walk; its own path must lead through directories of the platform alone. */
  static root = (place: string): Promise<Dir> => Dir.#open('', place);

  static async #open(path: string, place: string): Promise<Dir> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const handle = await open(bytesOf(place), flags);
    return new Dir(path, handle, hasDescriptorPaths ? `/proc/self/fd/${handle.fd}` : place);
  }

  /** For calls of the file system. */
  at(name: string): string | Buffer {
    return bytesOf(join(this.#place, name));
  }

  below(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`;
  }

  /** Fails with ENOTDIR or ELOOP where the name is no directory by now. */
  directory(name: string): Promise<Dir> {
    return Dir.#open(this.below(name), join(this.#place, name));
  }

  /** A plain file, without waiting for whoever is at the other end of what is none. */
  async file(name: string): Promise<FileHandle> {
    const handle = await open(
      this.at(name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw Object.assign(new Error(`${name} is no file`), { code: 'EINVAL' });
  }

  async names(): Promise<string[]> {
    return (await readdir(bytesOf(this.#place), { encoding: 'buffer' })).map(textOf);
  }

  /** Of the name itself, be it a link. */
  look = (name: string): Promise<Stats> => lstat(this.at(name));
  linkOf = (name: string): Promise<string> => readlink(this.at(name));
  stat = (): Promise<Stats> => this.#handle.stat();
  own = (user: number, group: number): Promise<void> => this.#handle.chown(user, group);
  ownName = (name: string, user: number, group: number): Promise<void> => lchown(this.at(name), user, group);
  mode = (mode: number): Promise<void> => this.#handle.chmod(mode);
  flush = (): Promise<void> => this.#handle.sync();
  close = (): Promise<void> => this.#handle.close();
}

export interface Visitor {
  /** A directory, before its names are listed. */
  enter(dir: Dir, stats: Stats, depth: number): Promise<void>;
  /** Everything else in it. */
  entry(dir: Dir, name: string, stats: Stats): Promise<void>;
  /** A directory, after all that it holds. */
  leave?(dir: Dir): Promise<void>;
  /** Others may work in the tree meanwhile: what is gone or replaced when its turn comes is passed over. */
  readonly isMoving?: boolean;
}

/** Entries of one directory that are looked at side by side. */
const ABREAST = 16;

interface Level {
  readonly dir: Dir;
  readonly directories: string[];
}

/** Everything below a directory, containers first, each by its descriptor; no link is followed, no call nests. */
export async function walkTree(root: string, visitor: Visitor): Promise<void> {
  const levels: Level[] = [];
  try {
    levels.push(await entered(await Dir.root(root), visitor, 0));
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const name = level.directories.pop();
      if (name !== undefined) {
        const next = await level.dir.directory(name).catch(passingOver(visitor));
        if (next) levels.push(await entered(next, visitor, levels.length));
        continue;
      }
      await visitor.leave?.(level.dir);
      await level.dir.close();
      levels.pop();
    }
  } finally {
    for (const { dir } of levels) await dir.close();
  }
}

function passingOver({ isMoving }: Visitor): (error: unknown) => undefined {
  return (error) => {
    if (isMoving === true && isAbsence(error)) return;
    throw error;
  };
}

async function entered(dir: Dir, visitor: Visitor, depth: number): Promise<Level> {
  try {
    await visitor.enter(dir, await dir.stat(), depth);
    const directories: string[] = [];
    const names = (await dir.names().catch(passingOver(visitor))) ?? [];
    for (let first = 0; first < names.length; first += ABREAST) {
      // All of them end before the descriptor may be closed, and its number stand for something else.
      const seen = await Promise.allSettled(
        names.slice(first, first + ABREAST).map(async (name) => {
          const stats = await dir.look(name).catch(passingOver(visitor));
          if (stats === undefined) return;
          if (stats.isDirectory()) directories.push(name);
          else await visitor.entry(dir, name, stats);
        }),
      );
      for (const each of seen) if (each.status === 'rejected') throw each.reason;
    }
    return { dir, directories };
  } catch (error) {
    await dir.close();
    throw error;
  }
}

/** A directory of a tree, without a link in the way; undefined where there is none. */
export async function openDirIn(root: string, path: string): Promise<Dir | undefined> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) return undefined;
  let dir = await Dir.root(root).catch(absent);
  for (const name of names) {
    const next: Dir | undefined = await dir?.directory(name).catch(absent);
    await dir?.close();
    dir = next;
  }
  return dir;
}

/** What a tree without links in the way holds at a path; undefined where there is no such plain file. */
export async function openFileIn(root: string, path: string): Promise<FileHandle | undefined> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const last = names.pop();
  if (last === undefined || last === '..') return undefined;
  const dir = await openDirIn(root, names.join('/'));
  try {
    return await dir?.file(last).catch(absent);
  } finally {
    await dir?.close();
  }
}

const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EINVAL', 'ENXIO', 'ENAMETOOLONG', 'EMLINK'];
export const isAbsence = (error: unknown): boolean => ABSENT.includes(systemCode(error));

function absent(error: unknown): undefined {
  if (!isAbsence(error)) throw error;
}
