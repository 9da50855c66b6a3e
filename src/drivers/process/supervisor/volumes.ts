import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { LogRule } from '../../../domain/log-rule.ts';
import type { Rollout } from '../../../domain/rollout.ts';
import type { Mount, Volume } from '../../../domain/volume.ts';
import { isAbsolute, isWithin } from '../../../domain/volume.ts';
import { asUser } from './as-user.ts';
import { reasonOf } from './reason.ts';
import { makeLogDir } from './log-dirs.ts';
import type { ReplicaFiles, Source } from './replica-files.ts';

/** Makes a volume's directory and what a mount takes of it, as the application: it gets no further than it may by itself. */
export function sourceOf(
  { placement: { user } }: Pick<Rollout, 'placement'>,
  files: ReplicaFiles,
  volume: Volume,
  index: number,
  mount: Mount,
): Source {
  const top = volume.kind === 'host' ? volume.path : emptyDir(files, index, user);
  const names = volume.kind === 'host' && volume.logs ? logNames(files, volume.logs) : [];
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
  const file = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { dev: device, ino: inode } = fstatSync(file);
    const opened = process.platform === 'linux' ? readlinkSync(`/proc/self/fd/${file}`) : dir;
    if (!isWithin(opened, realpathSync(root))) throw new Error(`${wanted} was moved to ${opened} meanwhile`);
    if (volume.logs) files.saveLogDir(index, { dir, device, inode });
    return { dir, device, inode };
  } finally {
    closeSync(file);
  }
}

const logNames = ({ name }: ReplicaFiles, { isPerReplica, container }: LogRule): readonly string[] => [
  ...(isPerReplica ? [name] : []),
  ...(container === undefined ? [] : [container]),
];

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

function emptyDir(files: ReplicaFiles, index: number, user: number | undefined): string {
  const dir = join(files.volumes, String(index));
  mkdirSync(files.volumes, { recursive: true });
  chmodSync(files.volumes, 0o711);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(dir, user, user);
  return dir;
}

/** Mounts below HOME are links: the application owns the directory they lie in, so they are made with its rights. */
export function linkVolumes(rollout: Rollout, files: ReplicaFiles): void {
  for (const [index, volume] of (rollout.volumes ?? []).entries()) {
    for (const mount of volume.mounts.filter(({ path }) => !isAbsolute(path))) {
      const { dir } = sourceOf(rollout, files, volume, index, mount);
      const link = join(files.home, mount.path);
      asUser(rollout.placement.user, () => {
        mkdirSync(dirname(link), { recursive: true });
        if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(link);
        symlinkSync(dir, link);
      });
    }
  }
}

/** Only root may have a hand in where a mount goes; a directory that is missing is made, and stays, unless this is a trial. */
export function makeMountPoint(path: string, { isTrial = false } = {}): void {
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
