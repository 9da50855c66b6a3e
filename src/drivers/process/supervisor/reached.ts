import type { Cgroups } from './cgroup-place.ts';
import { maxPids } from './cgroup-place.ts';
import type { Replica } from './replica.ts';

const MIB = 1024 ** 2;

/** How often the kernel had refused a process to a replica's cgroup, as of one of its lives. */
interface Refusals {
  readonly pid: number | undefined;
  readonly before: number;
  readonly last: number;
}
const known = new WeakMap<Replica, Refusals>();

/**
 * What the kernel refused a replica that lives on: a process to fork, memory to one that is not its first. Its owner
 * sees only what follows from it, so it is told by name.
 */
export function lookAtRefusals(replicas: readonly Replica[], cgroups: Cgroups): void {
  for (const replica of replicas) {
    const { cgroup, pid, oomKills, restarts } = replica.record;
    if (cgroup === undefined) continue;
    const { limits } = replica.placement.rollout;
    const count = cgroups.refusedForks(cgroup);
    const seen = known.get(replica) ?? { pid, before: restarts === 0 ? 0 : count, last: count };
    const before = seen.pid === pid ? seen.before : seen.last;
    known.set(replica, { pid, before, last: count });
    replica.remark(
      'processes',
      count > before
        ? `has reached its bound of ${maxPids(limits)} processes and threads: more were refused`
        : undefined,
    );
    replica.remark(
      'memory',
      cgroups.oomKills(cgroup) > oomKills
        ? `has lost a process to its bound of ${Math.round(limits.memoryBytes / MIB)} MiB of memory`
        : undefined,
    );
  }
}
