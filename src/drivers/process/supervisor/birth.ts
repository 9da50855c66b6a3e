import type { CgroupPlace } from './cgroup-place.ts';
import { seeProcess } from './identity.ts';
import { BornLife, endOf } from './life.ts';
import type { Life } from './life.ts';
import type { Fork } from './spawn.ts';
import { spawnReplica } from './spawn.ts';
import type { Surroundings } from './surroundings.ts';
import { reasonOf } from './reason.ts';

export interface Birth {
  readonly life: Life;
  /** Absent where the process could not be born inside: then nothing limits it. */
  readonly place: CgroupPlace | undefined;
}

/** Starts the process of a replica. Absent: it could not be, and `onFailure` is told why, now or in a moment. */
export function bear(
  fork: Fork,
  cgroup: CgroupPlace | undefined,
  { cgroups, boot, crashPoint }: Surroundings,
  onFailure: (reason: string) => void,
): Birth | undefined {
  const spawn = () => spawnReplica(fork);
  let child;
  try {
    child = cgroup ? cgroups.inside(cgroup, spawn) : spawn();
  } catch (error) {
    onFailure(reasonOf(error));
    return undefined;
  }
  const ended = endOf(child, onFailure);
  const { pid } = child;
  if (pid === undefined) return undefined;
  crashPoint('after-spawn');
  // Already dead, it has no start that could ever be mistaken for another's.
  const start = seeProcess(pid)?.start ?? '';
  const place = cgroup && (start === '' || cgroups.pids(cgroup).includes(pid)) ? cgroup : undefined;
  if (cgroup && !place) cgroups.isRemoved(cgroup);
  return { life: new BornLife({ boot, pid, start }, ended), place };
}
