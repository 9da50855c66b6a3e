import type { Exit } from '../../../domain/rollout.ts';
import type { Cgroups } from './cgroup-place.ts';
import type { ReplicaFiles } from './replica-files.ts';
import type { ReplicaRecord } from './replica-record.ts';
import type { Surroundings } from './surroundings.ts';
import { reasonOf } from './reason.ts';

/** The kernel kills for memory without a word to the parent; its count of such kills tells. */
export function withMemory(exit: Exit, { cgroup, oomKills }: ReplicaRecord, cgroups: Cgroups): Exit {
  const isMore = cgroup !== undefined && cgroups.oomKills(cgroup) > oomKills;
  return isMore && (exit.unknown || exit.signal === 'SIGKILL') ? { ...exit, outOfMemory: true } : exit;
}

/** Everything that a replica had, none of its processes being alive. */
export function removeAll(
  name: string,
  files: ReplicaFiles,
  record: ReplicaRecord,
  around: Surroundings,
): void {
  if (record.cgroup) around.cgroups.remove(record.cgroup);
  try {
    files.remove();
  } catch (error) {
    // The next supervisor tries again.
    around.journal.tell('files not removed', { replica: name, reason: reasonOf(error) });
  }
  if (record.port !== undefined) around.ports.release(record.port, name);
}
