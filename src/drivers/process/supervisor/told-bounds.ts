import { LOG_PARTS, type ReplicaBounds } from '../../../domain/replica-bounds.ts';
import type { Limits } from '../../../domain/rollout.ts';
import type { Bounds } from './bound-numbers.ts';
import { CPU_PERIOD_US, cpuQuotaUs, maxPids } from './cgroup-place.ts';
import { descriptorsOfProcess } from './entry.ts';

/** The numbers behind the limits and fences that hold a replica. */
export function toldBounds(enforced: readonly string[], limits: Limits, bounds: Bounds): ReplicaBounds {
  const has = (fence: string): boolean => enforced.includes(fence);
  return {
    ...(has('memory') && { memoryBytes: limits.memoryBytes }),
    ...(has('cpu') && { cpuMillis: Math.round((cpuQuotaUs(limits) * 1000) / CPU_PERIOD_US) }),
    ...(has('pids') && { processes: maxPids(limits) }),
    ...(has('descriptors') && { descriptorsOfProcess: descriptorsOfProcess(bounds) }),
    ...(has('watched') && {
      descriptors: bounds.descriptors,
      diskBytes: bounds.diskBytes,
      files: bounds.files,
      ports: bounds.ports,
    }),
    logBytes: LOG_PARTS * bounds.logBytes,
  };
}
