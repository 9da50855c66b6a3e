import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Limits } from '../../../domain/rollout.ts';
import type { CgroupPlace, Cgroups, Mount } from './cgroup-place.ts';
import { below, childrenOf, CPU_PERIOD_US, cpuQuotaUs, cpuWeight } from './cgroup-place.ts';
import { isGone, isMade, isWritten, killUnified, maxPids, readCount } from './cgroup-place.ts';
import { readIfThere, readPids, writeIfThere } from './cgroup-place.ts';

const CONTROLLERS = ['memory', 'cpu', 'pids'];
/** Processes may only be in leaves, so the supervisor gets one of its own. */
const SUPERVISOR = 'supervisor';
/** Ten times what a cgroup has that nothing was said of; replicas have less than that. */
const WEIGHT_OF_SUPERVISOR = '1000';

/** One hierarchy. The replicas lie as far up as we may write, so that a restart of our own service leaves them alone. */
export function openV2(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
  family: string,
): Cgroups | undefined {
  const mount = mounts.find(
    (each) => each.type === 'cgroup2' && words(join(each.dir, 'cgroup.controllers')).includes('memory'),
  );
  const path = own.get('');
  if (!mount || path === undefined) return undefined;
  for (const candidate of fromTopTo(mount.dir, below(mount, path))) {
    const opened = openBelow(mount.dir, candidate, family);
    if (opened) return opened;
  }
  return undefined;
}

function openBelow(mount: string, top: string, family: string): Cgroups | undefined {
  const dir = join(top, family);
  const leaf = join(dir, SUPERVISOR);
  const has = words(join(top, 'cgroup.controllers'));
  const controllers = CONTROLLERS.filter((controller) => has.includes(controller));
  try {
    mkdirSync(leaf, { recursive: true });
  } catch {
    return undefined;
  }
  const isDelegated = controllers.every(
    (controller) => isDelegating(top, controller) && isDelegating(dir, controller),
  );
  if (controllers.length === 0 || !isDelegated || !isWritten(leaf, 'cgroup.procs', String(process.pid))) {
    isGone(leaf);
    isGone(dir);
    return undefined;
  }
  writeIfThere(leaf, 'cpu.weight', WEIGHT_OF_SUPERVISOR);
  return {
    description: `v2: ${controllers.join(', ')} in ${dir}`,
    controllers,
    killsAtOnce: existsSync(join(leaf, 'cgroup.kill')) || existsSync(join(leaf, 'cgroup.freeze')),
    make: (name, limits) => make(join(dir, name), controllers, limits),
    entrances: (place) => [join(unified(place), 'cgroup.procs')],
    pids: (place) => readPids(join(unified(place), 'cgroup.procs')),
    isEmpty: (place) => readPids(join(unified(place), 'cgroup.procs')).length === 0,
    kill: (place) => killUnified(unified(place)),
    existing: () => existing(dir),
    oomKills: (place) => readCount(join(unified(place), 'memory.events'), 'oom_kill'),
    refusedForks: (place) => readCount(join(unified(place), 'pids.events'), 'max'),
    isRemoved: (place) => isGone(unified(place)),
    close: () => {
      // Nobody may be in what is removed, and the one above it may hold nobody: the top can.
      if (isWritten(mount, 'cgroup.procs', String(process.pid))) isGone(leaf);
      isGone(dir);
    },
  };
}

function existing(dir: string): ReadonlyMap<string, CgroupPlace> {
  const names = childrenOf(dir).filter((name) => name !== SUPERVISOR);
  return new Map(
    names.map((name) => [name, { version: 'v2', dirs: { unified: join(dir, name) }, enforced: [] }]),
  );
}

function make(dir: string, controllers: readonly string[], limits: Limits): CgroupPlace | undefined {
  if (!isMade(dir)) return undefined;
  const quota = String(cpuQuotaUs(limits));
  const set: Readonly<Record<string, () => boolean>> = {
    memory: () => isWritten(dir, 'memory.max', String(limits.memoryBytes)),
    cpu: () => isWritten(dir, 'cpu.max', `${quota} ${CPU_PERIOD_US}`),
    pids: () => isWritten(dir, 'pids.max', String(maxPids(limits))),
  };
  const enforced = controllers.filter((controller) => set[controller]?.());
  if (existsSync(join(dir, 'cgroup.kill')) || existsSync(join(dir, 'cgroup.freeze'))) enforced.push('kill');
  writeIfThere(dir, 'cpu.weight', String(cpuWeight(limits)));
  // Without this one the rest goes to swap.
  writeIfThere(dir, 'memory.swap.max', '0');
  // All or none: half a worker pool is harder to notice than a restart.
  writeIfThere(dir, 'memory.oom.group', '1');
  // A runtime starts on several threads at once: it may spend at once what it saved.
  writeIfThere(dir, 'cpu.max.burst', quota);
  return { version: 'v2', dirs: { unified: dir }, enforced };
}

/** One by one: a list is refused as a whole. */
function isDelegating(dir: string, controller: string): boolean {
  return (
    words(join(dir, 'cgroup.subtree_control')).includes(controller) ||
    isWritten(dir, 'cgroup.subtree_control', `+${controller}`)
  );
}

function fromTopTo(top: string, own: string): string[] {
  const ways: string[] = [];
  for (let dir = own; dir.startsWith(top); dir = dirname(dir)) {
    ways.unshift(dir);
    if (dir === dirname(dir)) break;
  }
  return ways;
}

const unified = (place: CgroupPlace): string => place.dirs.unified ?? '';
const words = (path: string): string[] => readIfThere(path).trim().split(/\s+/);
