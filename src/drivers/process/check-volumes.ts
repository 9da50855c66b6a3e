import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../domain/errors.ts';
import type { Rollout } from '../../domain/rollout.ts';
import { isAbsolute, isWithin, neededDirs, needsNamespace, type Volume } from '../../domain/volume.ts';
import { whyNoMounts } from './supervisor/namespace.ts';
import { reasonOf } from './supervisor/reason.ts';
import { makeMountPoint } from './supervisor/errands/place-volumes.ts';

/** What this host lacks for volumes; nothing is made. */
export async function checkVolumes(
  dataDir: string,
  { volumes = [], placement: { user } }: Pick<Rollout, 'volumes' | 'placement'>,
): Promise<readonly Problem[]> {
  const sentences = [
    ...volumes.map((volume) => hostDirectory(volume, user)),
    ...volumes.flatMap(({ mounts }) => mounts.map(({ path }) => mountPoint(dataDir, path))),
    await mounting(join(dataDir, 'replicas'), volumes),
  ];
  return sentences
    .filter((sentence) => sentence !== undefined)
    .map((sentence) => new Problem('targetUnavailable', sentence));
}

function hostDirectory(volume: Volume, user: number | undefined): string | undefined {
  if (volume.kind !== 'host') return undefined;
  const { path, root } = volume;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return `${path} is no directory of this host; make it, then repeat the request.`;
  const real = realpathSync(path);
  if (!isWithin(real, realpathSync(root)))
    return `${path} leads to ${real}, which is outside ${root}, all that the operator allows; name a directory in it.`;
  // Directories of its own are made for it there.
  const isEntered = volume.logs?.isPerReplica === true && user !== undefined && stats.uid === 0;
  if (isEntered && (stats.mode & 0o022) === 0) return undefined;
  const isWritten = volume.mounts.some(({ readOnly, subPath }) => !readOnly && subPath === undefined);
  const needed = isWritten ? 7 : 5;
  const shift = stats.uid === user ? 6 : stats.gid === user ? 3 : 0;
  if (user === undefined || ((stats.mode >> shift) & needed) === needed) return undefined;
  return (
    `The application's user ${user} may not ${isWritten ? 'write to' : 'read'} ${path}; run "chown ${user} ${path}", ` +
    `or let all users do so ("chmod o+${isWritten ? 'rwx' : 'rx'} ${path}").`
  );
}

function mountPoint(dataDir: string, path: string): string | undefined {
  if (!isAbsolute(path)) return undefined;
  try {
    makeMountPoint(path, neededDirs(dataDir), { isTrial: true });
    return undefined;
  } catch (error) {
    return `${reasonOf(error)}.`;
  }
}

async function mounting(dir: string, volumes: readonly Volume[]): Promise<string | undefined> {
  if (!needsNamespace(volumes)) return undefined;
  const inMemory = volumes.some((volume) => volume.kind === 'empty' && volume.inMemory);
  const why = await whyNoMounts(dir, inMemory);
  if (why === undefined) return undefined;
  return (
    `This host cannot give a process ${inMemory ? 'a file system in memory (tmpfs)' : 'mounts of its own'} (${why}); let the platform run as root ` +
    'with CAP_SYS_ADMIN and with util-linux, or send storage with relative paths.'
  );
}
