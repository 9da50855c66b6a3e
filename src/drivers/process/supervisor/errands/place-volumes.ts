import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Mount, Volume } from '../../../../domain/volume.ts';
import type { Source } from '../replica-files.ts';

/** The volumes of one replica. It is done in a process of its own, to which this file is given as text. */
export interface VolumesOrder {
  /** The application's; absent: the platform's. */
  readonly user?: number | undefined;
  readonly home: string;
  /** Where those of the type EmptyDir lie. */
  readonly emptyDirs: string;
  readonly volumes: readonly OrderedVolume[];
  /** Directories that no mount may cover or lie in. */
  readonly needed: readonly string[];
}

export type OrderedVolume = Volume & {
  /** The directories for the logs of one replica, one in the other. */
  readonly logNames: readonly string[];
};

/** Where a mount that is not in memory comes from. */
export interface PlacedMount {
  readonly volume: number;
  readonly mount: number;
  readonly source: Source;
}

const HELD = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Makes directories, mount points and links, and tells which directories they are. */
export function placeVolumes(order: VolumesOrder): readonly PlacedMount[] {
  const placed: PlacedMount[] = [];
  for (const [at, volume] of order.volumes.entries()) {
    for (const [index, mount] of volume.mounts.entries()) {
      if (mount.path.startsWith('/')) makeMountPoint(mount.path, order.needed);
      if (volume.kind === 'empty' && volume.inMemory && mount.path.startsWith('/')) continue;
      const source = sourceOf(order, volume, at, mount);
      if (!mount.path.startsWith('/')) link(order, mount.path, source.dir);
      placed.push({ volume: at, mount: index, source });
    }
  }
  return placed;
}

/** Makes a volume's directory and what a mount takes of it, as the application: it gets no further than it may by itself. */
function sourceOf(order: VolumesOrder, volume: OrderedVolume, index: number, mount: Mount): Source {
  const { user } = order;
  const top = volume.kind === 'host' ? volume.path : emptyDir(order, index);
  const names = volume.kind === 'host' ? volume.logNames : [];
  const subPath = names.length > 0 ? join(...names) : mount.subPath;
  const wanted = subPath === undefined ? top : join(top, subPath);
  if (subPath !== undefined && !(volume.kind === 'host' && makeLogDir(volume, names, user)))
    makeAs(user, wanted);
  const root = volume.kind === 'host' && subPath === undefined ? volume.root : top;
  const dir = realpathSync(wanted);
  if (!isWithin(dir, realpathSync(root))) {
    throw new Error(
      `${wanted} leads to ${dir}, which is outside ${root}; remove the link, or mount what it leads to`,
    );
  }
  // A link that was put there since then is not followed, and what was opened is looked at again.
  const file = openSync(dir, HELD);
  try {
    const { dev: device, ino: inode } = fstatSync(file);
    const opened = process.platform === 'linux' ? readlinkSync(`/proc/self/fd/${file}`) : dir;
    if (!isWithin(opened, realpathSync(root))) throw new Error(`${wanted} was moved to ${opened} meanwhile`);
    return { dir, device, inode };
  } finally {
    closeSync(file);
  }
}

function makeAs(user: number | undefined, dir: string): void {
  try {
    asUser(user, () => mkdirSync(dir, { recursive: true, mode: 0o755 }));
  } catch (error) {
    throw new Error(
      `${dir} cannot be made by the application's user ${user ?? process.getuid?.() ?? ''} (${reasonOf(error)}); make it, or give that user ${dirname(dir)}`,
      { cause: error },
    );
  }
}

function emptyDir({ emptyDirs, user }: VolumesOrder, index: number): string {
  const dir = join(emptyDirs, String(index));
  mkdirSync(emptyDirs, { recursive: true });
  chmodSync(emptyDirs, 0o711);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(dir, user, user);
  return dir;
}

/** Mounts below HOME are links: the application owns the directory they lie in, so they are made with its rights. */
function link({ home, user }: VolumesOrder, path: string, dir: string): void {
  const place = join(home, path);
  if (!isWithin(place, home) || place === home) throw new Error(`${path} does not lie below HOME`);
  asUser(user, () => {
    mkdirSync(dirname(place), { recursive: true });
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(place);
    symlinkSync(dir, place);
  });
}

/** Only root may have a hand in where a mount goes; a directory that is missing is made, and stays, unless this is a trial. */
export function makeMountPoint(path: string, needed: readonly string[], { isTrial = false } = {}): void {
  assertMountable(path, needed);
  const parts = path.split('/').filter(Boolean);
  let dir = '/';
  for (const [index, part] of parts.entries()) {
    const { uid, mode } = lstatSync(dir);
    if (uid !== 0 || (mode & 0o022) !== 0) {
      throw new Error(
        `${path} lies in ${dir}, where others than root may write; mount below a directory of root's, such as /srv, or below HOME by a relative path`,
      );
    }
    dir = join(dir, part);
    const there = lstatSync(dir, { throwIfNoEntry: false });
    if (there === undefined && isTrial) return;
    if (there === undefined) mkdirSync(dir, { mode: 0o755 });
    else if (!there.isDirectory()) {
      throw new Error(
        `${dir} is ${there.isSymbolicLink() ? 'a link' : 'no directory'}${index === parts.length - 1 ? '' : ` on the way to ${path}`}; mount somewhere else`,
      );
    }
  }
}

/** The request was refused already; root does not take that for granted. */
function assertMountable(path: string, needed: readonly string[]): void {
  if (!path.startsWith('/') || normalize(path) !== path || path.split('/').includes('..'))
    throw new Error(`"${path}" is no plain absolute path; mount somewhere else`);
  const covered = needed.find((dir) =>
    [dir, realOf(dir)].some((each) => isWithin(path, each) || isWithin(each, path)),
  );
  if (covered === undefined) return;
  throw new Error(
    `"${path}" is needed by the system or the platform (${covered}); mount somewhere else, such as below /srv, /data or /opt`,
  );
}

function realOf(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    return dir;
  }
}

/**
 * Below a directory in which only root may write, each replica gets one that its user owns, with parents that are
 * root's: it cannot put another in its place. False where others may write there, or we are not root: the application
 * has to make its own then.
 */
function makeLogDir(
  { path }: { readonly path: string },
  names: readonly string[],
  user: number | undefined,
): boolean {
  if (user === undefined || process.getuid?.() !== 0 || names.length === 0) return false;
  let dir = path;
  let held = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { uid, mode } = fstatSync(held);
    if (uid !== 0 || (mode & 0o022) !== 0) return false;
    for (const [index, name] of names.entries()) {
      const owner = index === names.length - 1 ? user : 0;
      const next = makeOwned(inHeld(held, dir, name), `${dir}/${name}`, owner);
      closeSync(held);
      held = next;
      dir = `${dir}/${name}`;
    }
    return true;
  } finally {
    closeSync(held);
  }
}

function makeOwned(place: string, shown: string, owner: number): number {
  try {
    mkdirSync(place, { mode: owner === 0 ? 0o755 : 0o750 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
      throw new Error(`${shown} cannot be made (${reasonOf(error)})`, { cause: error });
  }
  const file = openSync(place, HELD);
  // Made by us, now or before a crash: nobody else may make anything there, so it is ours to give away.
  if (fstatSync(file).uid === 0) fchownSync(file, owner, owner);
  const { uid } = fstatSync(file);
  if (uid === owner) return file;
  closeSync(file);
  throw new Error(`${shown} belongs to user ${uid}, not to ${owner}; move it away, or give it to that user`);
}

/** A name in a directory that is held open: found in that very directory, wherever it was moved. */
const inHeld = (file: number, dir: string, name: string): string =>
  process.platform === 'linux' ? `/proc/self/fd/${file}/${name}` : `${dir}/${name}`;

const isWithin = (path: string, dir: string): boolean =>
  path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * In a directory that the application owns, it may have put a link where we want to write: so we write with no more
 * rights than it has. All of it is synchronous; nothing else of this process runs meanwhile.
 */
function asUser<T>(user: number | undefined, work: () => T): T {
  const { seteuid, setegid, setgroups, getgroups } = process;
  if (user === undefined || process.getuid?.() !== 0 || !seteuid || !setegid || !setgroups || !getgroups)
    return work();
  const groups = getgroups();
  setgroups([user]);
  setegid(user);
  seteuid(user);
  try {
    return work();
  } finally {
    seteuid(0);
    setegid(0);
    setgroups(groups);
  }
}
