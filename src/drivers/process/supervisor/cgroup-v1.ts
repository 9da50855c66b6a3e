import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Limits } from '../../../domain/rollout.ts';
import type { CgroupPlace, Cgroups, Mount } from './cgroup-place.ts';
import { below, CPU_PERIOD_US, cpuQuotaUs, isWritten, MAX_PIDS } from './cgroup-place.ts';
import { readCount, readPids, writeIfThere } from './cgroup-place.ts';

const CONTROLLERS = ['memory', 'cpu', 'pids'];

/** A hierarchy per controller. Replicas lie below our own cgroup, so that limits set on us hold for them too. */
export function openV1(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
  family: string,
): Cgroups | undefined {
  const origins = new Map<string, string>();
  for (const controller of CONTROLLERS) {
    const mount = mounts.find((each) => each.type === 'cgroup' && each.options.includes(controller));
    const path = own.get(controller);
    if (!mount || path === undefined) continue;
    const origin = below(mount, path);
    if (isMade(join(origin, family))) origins.set(controller, origin);
  }
  if (origins.size === 0) return undefined;
  return {
    description: `v1: ${[...origins.keys()].join(', ')}`,
    controllers: [...origins.keys()],
    killsAtOnce: false,
    make: (name, limits) => make(origins, family, name, limits),
    inside: (place, work) => inside(origins, place, work),
    pids: (place) => [
      ...new Set(Object.values(place.dirs).flatMap((dir) => readPids(join(dir, 'cgroup.procs')))),
    ],
    oomKills: ({ dirs }) =>
      dirs.memory ? readCount(join(dirs.memory, 'memory.oom_control'), 'oom_kill') : 0,
    remove: (place) => Object.values(place.dirs).forEach(removeWithFamily),
  };
}

function make(origins: ReadonlyMap<string, string>, family: string, name: string, limits: Limits) {
  const dirs: Record<string, string> = {};
  const enforced: string[] = [];
  for (const [controller, origin] of origins) {
    const dir = join(origin, family, name);
    if (!isMade(dir)) continue;
    dirs[controller] = dir;
    if (isLimited(controller, dir, limits)) enforced.push(controller);
  }
  const place: CgroupPlace = { version: 'v1', dirs, enforced };
  return Object.keys(dirs).length > 0 ? place : undefined;
}

function isLimited(controller: string, dir: string, limits: Limits): boolean {
  if (controller === 'pids') return isWritten(dir, 'pids.max', String(MAX_PIDS));
  if (controller === 'cpu') {
    const quota = String(cpuQuotaUs(limits));
    const isSet =
      isWritten(dir, 'cpu.cfs_period_us', String(CPU_PERIOD_US)) && isWritten(dir, 'cpu.cfs_quota_us', quota);
    // A runtime starts on several threads at once: it may spend at once what it saved.
    writeIfThere(dir, 'cpu.cfs_burst_us', quota);
    return isSet;
  }
  const isSet = isWritten(dir, 'memory.limit_in_bytes', String(limits.memoryBytes));
  // Without this one the rest goes to swap.
  writeIfThere(dir, 'memory.memsw.limit_in_bytes', String(limits.memoryBytes));
  return isSet;
}

/**
 * Only the main thread steps in, by `tasks`: it is the one that forks, and the kernel lets a thread move itself
 * without the lock that makes moving a whole process wait for a grace period.
 */
function inside<T>(origins: ReadonlyMap<string, string>, place: CgroupPlace, work: () => T): T {
  const entered: string[] = [];
  try {
    for (const [controller, dir] of Object.entries(place.dirs)) {
      const origin = origins.get(controller);
      if (origin !== undefined && isWritten(dir, 'tasks', '0')) entered.push(origin);
    }
    return work();
  } finally {
    for (const origin of entered) isWritten(origin, 'tasks', '0');
  }
}

function isMade(dir: string): boolean {
  try {
    mkdirSync(dir, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

function removeWithFamily(dir: string): void {
  for (const each of [dir, dirname(dir)]) {
    try {
      rmdirSync(each);
    } catch {
      // The family has other members, or the kernel still counts a dead one: an empty directory harms nobody.
    }
  }
}
