import { setTimeout as wait } from 'node:timers/promises';
import type { Exit, Limits } from '../../../domain/rollout.ts';
import type { CgroupPlace, Cgroups } from './cgroup-place.ts';
import type { ReplicaFiles } from './replica-files.ts';
import type { ReplicaRecord } from './replica-record.ts';
import type { Surroundings } from './surroundings.ts';
import { reasonOf } from './reason.ts';

/** The kernel kills for memory without a word to the parent; its count of such kills tells. */
export function withMemory(exit: Exit, { cgroup, oomKills }: ReplicaRecord, cgroups: Cgroups): Exit {
  const isMore = cgroup !== undefined && cgroups.oomKills(cgroup) > oomKills;
  return isMore && (exit.unknown || exit.signal === 'SIGKILL') ? { ...exit, outOfMemory: true } : exit;
}

const MIB = 1024 ** 2;

/** For the replica's own log, where the kernel writes nothing. */
export const whyOutOfMemory = ({ memoryBytes }: Limits): string =>
  `the application was ended: it needed more than the ${Math.round(memoryBytes / MIB)} MiB of memory of its flavor`;

const FIRST_TRY_MS = 2;
const LAST_TRY_MS = 500;
const TRIES = 40;

/** The kernel counts a process for a moment after its end. */
export async function removeCgroup(place: CgroupPlace, { cgroups }: Surroundings): Promise<void> {
  let pause = FIRST_TRY_MS;
  for (let tries = 0; tries < TRIES && !cgroups.isRemoved(place); tries += 1) {
    await wait(pause);
    pause = Math.min(pause * 2, LAST_TRY_MS);
  }
}

/** Everything that a replica had, none of its processes being alive. */
export async function removeAll(
  name: string,
  files: ReplicaFiles,
  record: ReplicaRecord,
  around: Surroundings,
): Promise<void> {
  if (record.cgroup) await removeCgroup(record.cgroup, around);
  try {
    files.remove(around.trash);
  } catch (error) {
    // The next supervisor tries again.
    around.journal.tell('files not removed', { replica: name, reason: reasonOf(error) });
  }
  if (record.port !== undefined) around.ports.release(record.port, name);
}
