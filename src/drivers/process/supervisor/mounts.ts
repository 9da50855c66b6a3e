import { constants, existsSync, readFileSync } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import type { Rollout } from '../../../domain/rollout.ts';
import { isAbsolute, isWithin } from '../../../domain/volume.ts';
import { placesOf } from './environment.ts';
import { fillHere } from './own-node-here.ts';
import type { PlacedMount } from './errands/place-volumes.ts';
import { sharedDirs, whyOutOfPlace } from './program-place.ts';
import { reasonOf } from './reason.ts';
import type { ReplicaFiles, Source } from './replica-files.ts';

/** One line of the table that mount(8) is given, and what must be found there afterwards. */
interface Mounted {
  readonly path: string;
  readonly type: 'tmpfs' | 'proc' | 'bind';
  readonly source: string;
  readonly options: readonly string[];
  /** Of a bind mount: the directory that must be seen there. */
  readonly is?: { readonly device: number; readonly inode: number };
}

/** Directories of the host that a replica gets a view of its own over. The holder opens them before they are covered. */
export interface Cover {
  readonly path: string;
  readonly descriptor: number;
}

export interface MountPlan {
  readonly covers: readonly Cover[];
  readonly mounts: readonly Mounted[];
}

export interface Viewed {
  readonly rollout: Rollout;
  readonly files: ReplicaFiles;
  readonly dataDir: string;
  /** Its volumes, as they were found. */
  readonly placed: readonly PlacedMount[];
}

const VAR_TMP = '/var/tmp';
const FIRST_DESCRIPTOR = 4;
/** Of the file system that hides the data directory: it holds nothing but mount points. */
const COVER_OPTIONS = ['size=64k', 'nr_inodes=1k', 'mode=0711', 'nosuid', 'nodev'];
/** An empty file costs the kernel about as much as this. */
const BYTES_PER_INODE = 4096;

/**
 * What a replica sees: of the data directory its own places, its build, and the runtimes; /tmp and /dev/shm of its own;
 * its volumes. Without `isHiding` the host's files with the volumes in them.
 */
export async function planMounts(
  viewed: Viewed,
  { isHiding, hasProcesses }: { readonly isHiding: boolean; readonly hasProcesses: boolean },
): Promise<MountPlan> {
  const { rollout, files, dataDir } = viewed;
  const name = `openstage-${files.name}`;
  const flaw = isHiding ? flawOfProgram(viewed) : undefined;
  if (flaw !== undefined) throw new Error(flaw);
  const covers = isHiding ? coversOf(dataDir) : [];
  const mounts: Mounted[] = covers.map(({ path }) => ({
    path,
    type: 'tmpfs',
    source: name,
    options: path === dataDir ? COVER_OPTIONS : scratch(rollout),
  }));
  // Files there outlive a restart, as they would on the host, so they lie with the replica's own.
  if (isHiding && existsSync(VAR_TMP)) {
    const cover = coverOf(covers, files.tmp);
    const own = await ownDir(files, files.tmp);
    mounts.push(
      own === undefined
        ? { path: VAR_TMP, type: 'tmpfs', source: name, options: scratch(rollout) }
        : boundTo(own, cover ? throughHeld(cover, files.tmp) : files.tmp, VAR_TMP, false),
    );
  }
  for (const { dir, isReadOnly } of keptOf(viewed)) {
    const cover = coverOf(covers, dir);
    if (cover) mounts.push(await bound(throughHeld(cover, dir), dir, dir, isReadOnly));
  }
  for (const [at, volume] of (rollout.volumes ?? []).entries()) {
    for (const [index, { path, readOnly }] of volume.mounts.entries()) {
      const placed = viewed.placed.find((each) => each.volume === at && each.mount === index);
      if (!placed) {
        mounts.push({ path, type: 'tmpfs', source: name, options: inMemory(rollout) });
        continue;
      }
      const { dir } = placed.source;
      const cover = coverOf(covers, dir);
      const source = cover ? throughHeld(cover, dir) : dir;
      if (isAbsolute(path)) mounts.push(boundTo(placed.source, source, path, readOnly));
      else if (cover && !isWithin(dir, files.dir)) mounts.push(boundTo(placed.source, source, dir, false));
    }
  }
  if (hasProcesses)
    mounts.push({ path: '/proc', type: 'proc', source: name, options: ['nosuid', 'nodev', 'noexec'] });
  return { covers, mounts };
}

function coversOf(dataDir: string): readonly Cover[] {
  const paths = ['/tmp', '/dev/shm'].filter((path) => existsSync(path) && !isWithin(path, dataDir));
  return [...paths, dataDir].map((path, index) => ({ path, descriptor: FIRST_DESCRIPTOR + index }));
}

/** The innermost: one may lie in another. */
const coverOf = (covers: readonly Cover[], dir: string): Cover | undefined =>
  covers.findLast(({ path }) => isWithin(dir, path));

/** A path below a directory that was opened before it was covered; the kernel does not look at what lies over it. */
const throughHeld = ({ path, descriptor }: Cover, dir: string): string =>
  `/proc/self/fd/${descriptor}${dir.slice(path.length)}`;

/** Nothing that a tenant names: only root has a hand in where these lie. */
const keptOf = ({ rollout, files, dataDir }: Viewed): readonly { dir: string; isReadOnly: boolean }[] =>
  [
    ...[files.own, files.volumes].map((dir) => ({ dir, isReadOnly: false })),
    ...[rollout.releaseDir, ...sharedDirs(dataDir)].map((dir) => ({ dir, isReadOnly: true })),
  ].filter(({ dir }) => existsSync(dir));

/** Looked at before each start: what is there may have become a link since the last. */
function flawOfProgram({ rollout, files, dataDir }: Viewed): string | undefined {
  const program = fillHere(rollout.workload.launch.argv[0] ?? '/', placesOf(rollout, files, 0));
  return whyOutOfPlace(program, dataDir, [rollout.releaseDir, files.own, files.volumes]);
}

async function bound(source: string, real: string, path: string, isReadOnly: boolean): Promise<Mounted> {
  const { dev: device, ino: inode } = await stat(real);
  return boundTo({ device, inode }, source, path, isReadOnly);
}

/**
 * A directory in one that belongs to the application, which can put a link in its place. It is opened without following
 * one, and what was opened is what is looked for after mounting. Absent: it is no directory any more.
 */
async function ownDir(
  { dir }: ReplicaFiles,
  path: string,
): Promise<Pick<Source, 'device' | 'inode'> | undefined> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    if (/^(ELOOP|ENOTDIR|ENOENT)\b/.test(reasonOf(error))) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const wanted = `${await realpath(dir)}${path.slice(dir.length)}`;
    if ((await readlink(`/proc/self/fd/${file.fd}`)) !== wanted) return undefined;
    const { dev: device, ino: inode } = await file.stat();
    return { device, inode };
  } finally {
    await file.close();
  }
}

function boundTo(
  { device, inode }: Pick<Source, 'device' | 'inode'>,
  source: string,
  path: string,
  isReadOnly: boolean,
): Mounted {
  const options = ['bind', 'nosuid', 'nodev', ...(isReadOnly ? ['ro'] : [])];
  return { path, type: 'bind', source, options, is: { device, inode } };
}

/** The kernel counts its pages to the memory of whoever writes them. */
const sized = (bytes: number): string[] => [
  `size=${bytes}`,
  `nr_inodes=${Math.max(1024, Math.floor(bytes / BYTES_PER_INODE))}`,
];
/** Half, as a host gives its own: who fills it gets an error, and is not ended for want of memory. */
const scratch = ({ limits }: Rollout): string[] => [
  ...sized(Math.floor(limits.memoryBytes / 2)),
  ...['mode=1777', 'nosuid', 'nodev'],
];
const inMemory = ({ limits, placement: { user = 0 } }: Rollout): string[] => [
  ...sized(limits.memoryBytes),
  ...['mode=0700', `uid=${user}`, `gid=${user}`, 'nosuid', 'nodev'],
];

/** As fstab(5) has it; directories that are missing in a new file system are made. */
export const tableOf = ({ mounts }: MountPlan): string =>
  mounts
    .map(({ source, path, type, options }) =>
      [
        escaped(source),
        escaped(path),
        type === 'bind' ? 'none' : type,
        [...options, 'X-mount.mkdir=0711'].join(','),
        '0 0\n',
      ].join(' '),
    )
    .join('');

const escaped = (path: string): string =>
  path.replace(/[\s\\#]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`);

/**
 * What counts is what is mounted now, not what was asked for: mount(8) passes over what it takes for mounted, and a
 * directory that is found by its path may have been another by then.
 */
export async function verifyMounts(pid: number, { mounts }: MountPlan): Promise<void> {
  const seen = mountsOf(pid);
  for (const { path, type, source, options, is } of mounts) {
    const found = seen.findLast((each) => each.path === path);
    if (!found || (type !== 'bind' && found.source !== source)) throw new Error(`${path} was not mounted`);
    if (options.includes('ro') && !found.options.includes('ro'))
      throw new Error(`${path} could not be made read-only`);
    if (!is) continue;
    const { dev, ino } = await stat(`/proc/${pid}/root${path}`);
    if (dev !== is.device || ino !== is.inode) throw new Error(`${path} was replaced while it was mounted`);
  }
}

function mountsOf(pid: number) {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , , path = '', options = ''] = before.split(' ');
      return { path: unescaped(path), options: options.split(','), source: after.split(' ')[1] ?? '' };
    });
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
