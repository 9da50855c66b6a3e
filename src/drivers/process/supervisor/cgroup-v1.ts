import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Unfenced } from '../../../domain/fences.ts';
import type { Limits } from '../../../domain/rollout.ts';
import type { CgroupPlace, Cgroups, Mount } from './cgroup-place.ts';
import { below, childrenOf, CPU_PERIOD_US, cpuQuotaUs, cpuWeight } from './cgroup-place.ts';
import { isGone, isMade, isWritten, killUnified, maxPids } from './cgroup-place.ts';
import { readCount, readPids, signalAll, writeIfThere } from './cgroup-place.ts';

const CONTROLLERS = ['memory', 'cpu', 'pids'];
/** These limit nothing, but whoever is in them can be ended as a whole: the first in one step, the second held still. */
const UNIFIED = 'unified';
const FREEZER = 'freezer';
/** Of v1's weights, which begin at 2; a process beside the replicas' cgroups weighs 1024. */
const SHARES_PER_WEIGHT = 10;
const SHARES_OF_ALL = '512';

/** A hierarchy per controller. Replicas lie below our own cgroup, so that limits set on us hold for them too. */
export function openV1(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
  family: string,
  unfenced: Unfenced,
): Cgroups | undefined {
  const origins = new Map<string, string>();
  const open = (controller: string, mount: Mount | undefined, path = own.get(controller)): void => {
    if (!mount || path === undefined) return;
    const origin = below(mount, path);
    if (isMade(join(origin, family))) origins.set(controller, origin);
  };
  const ofController = (controller: string) =>
    mounts.find((each) => each.type === 'cgroup' && each.options.includes(controller));
  for (const controller of CONTROLLERS.filter((each) => !isLeftOut(each, unfenced)))
    open(controller, ofController(controller));
  if (origins.size === 0) return undefined;
  const controllers = [...origins.keys()];
  if (!unfenced.has('kill')) {
    open(
      UNIFIED,
      mounts.find((each) => each.type === 'cgroup2'),
      own.get(''),
    );
    if (!hasKill(origins, family)) {
      closeOne(origins, UNIFIED, family);
      open(FREEZER, ofController(FREEZER));
    }
  }
  const cpu = origins.get('cpu');
  if (cpu !== undefined) isWritten(join(cpu, family), 'cpu.shares', SHARES_OF_ALL);
  return {
    description: `v1: ${[...origins.keys()].join(', ')}`,
    controllers,
    killsAtOnce: origins.has(UNIFIED) || (origins.has(FREEZER) && origins.has('pids')),
    make: (name, limits) => make(origins, family, name, limits),
    // By `tasks` the kernel lets a thread move itself without the lock that makes moving a process wait.
    entrances: ({ dirs }) =>
      Object.entries(dirs).map(([controller, dir]) =>
        join(dir, controller === UNIFIED ? 'cgroup.procs' : 'tasks'),
      ),
    pids: (place) => [...new Set(listsOf(place).flatMap(readPids))],
    isEmpty: (place) => listsOf(place).every((list) => readPids(list).length === 0),
    kill: (place) => kill(place, !unfenced.has('kill')),
    existing: () => existing(origins, family),
    oomKills: ({ dirs }) =>
      dirs.memory ? readCount(join(dirs.memory, 'memory.oom_control'), 'oom_kill') : 0,
    refusedForks: ({ dirs }) => (dirs.pids ? readCount(join(dirs.pids, 'pids.events'), 'max') : 0),
    isRemoved: ({ dirs }) =>
      Object.values(dirs)
        .map(isGone)
        .every((each) => each),
    close: () => {
      for (const origin of origins.values()) isGone(join(origin, family));
    },
  };
}

const isLeftOut = (controller: string, unfenced: Unfenced): boolean =>
  [...unfenced].some((fence) => fence === controller);

const hasKill = (origins: ReadonlyMap<string, string>, family: string): boolean =>
  existsSync(join(origins.get(UNIFIED) ?? '', family, 'cgroup.kill'));

function closeOne(origins: Map<string, string>, controller: string, family: string): void {
  const origin = origins.get(controller);
  if (origin !== undefined) isGone(join(origin, family));
  origins.delete(controller);
}

const listsOf = (place: CgroupPlace): string[] =>
  Object.values(place.dirs).map((dir) => join(dir, 'cgroup.procs'));

function kill(place: CgroupPlace, isAtOnce: boolean): void {
  const { unified, freezer, pids } = place.dirs;
  if (isAtOnce && unified !== undefined) killUnified(unified);
  // Nobody forks any more, and nobody runs while the signals are sent; `make` sets the bound anew.
  if (isAtOnce && pids !== undefined) isWritten(pids, 'pids.max', '0');
  if (isAtOnce && freezer !== undefined) isWritten(freezer, 'freezer.state', 'FROZEN');
  signalAll([...new Set(listsOf(place).flatMap(readPids))], 'SIGKILL');
  if (isAtOnce && freezer !== undefined) isWritten(freezer, 'freezer.state', 'THAWED');
}

function existing(origins: ReadonlyMap<string, string>, family: string): ReadonlyMap<string, CgroupPlace> {
  const found = new Map<string, Record<string, string>>();
  for (const [controller, origin] of origins) {
    for (const name of childrenOf(join(origin, family)))
      found.set(name, { ...found.get(name), [controller]: join(origin, family, name) });
  }
  return new Map([...found].map(([name, dirs]) => [name, { version: 'v1', dirs, enforced: [] }]));
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
  if (dirs[UNIFIED] ?? (dirs[FREEZER] && dirs['pids'])) enforced.push('kill');
  const place: CgroupPlace = { version: 'v1', dirs, enforced };
  return Object.keys(dirs).length > 0 ? place : undefined;
}

function isLimited(controller: string, dir: string, limits: Limits): boolean {
  switch (controller) {
    case 'pids':
      return isWritten(dir, 'pids.max', String(maxPids(limits)));
    case 'cpu': {
      const quota = String(cpuQuotaUs(limits));
      const isSet =
        isWritten(dir, 'cpu.cfs_period_us', String(CPU_PERIOD_US)) &&
        isWritten(dir, 'cpu.cfs_quota_us', quota);
      // A runtime starts on several threads at once: it may spend at once what it saved.
      writeIfThere(dir, 'cpu.cfs_burst_us', quota);
      writeIfThere(dir, 'cpu.shares', String(cpuWeight(limits) * SHARES_PER_WEIGHT));
      return isSet;
    }
    case 'memory': {
      const isSet = isWritten(dir, 'memory.limit_in_bytes', String(limits.memoryBytes));
      // Without this one the rest goes to swap.
      writeIfThere(dir, 'memory.memsw.limit_in_bytes', String(limits.memoryBytes));
      return isSet;
    }
    default:
      return false;
  }
}
