import { join } from 'node:path';
import { NOTHING_UNFENCED } from '../../../domain/fences.ts';
import type { Cgroups, Mount } from './cgroup-place.ts';
import { readIfThere } from './cgroup-place.ts';
import { openV1 } from './cgroup-v1.ts';
import { openV2 } from './cgroup-v2.ts';

/** `proc` is /proc/self, or a test's copy of it; `family` sets the replicas of one data directory apart. */
export function openCgroups(proc: string, family: string, unfenced = NOTHING_UNFENCED): Cgroups {
  const mounts = readMounts(join(proc, 'mountinfo'));
  const own = readOwn(join(proc, 'cgroup'));
  return openV2(mounts, own, family) ?? openV1(mounts, own, family, unfenced) ?? noCgroups;
}

const noCgroups: Cgroups = {
  description: 'none: limits are not enforced',
  controllers: [],
  killsAtOnce: false,
  make: () => undefined,
  entrances: () => [],
  pids: () => [],
  isEmpty: () => true,
  kill: () => {},
  existing: () => new Map(),
  oomKills: () => 0,
  refusedForks: () => 0,
  isRemoved: () => true,
  close: () => {},
};

function readMounts(path: string): Mount[] {
  return lines(path).flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, dir] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    return root && dir && type?.startsWith('cgroup')
      ? [{ root, dir, type, options: options.split(',') }]
      : [];
  });
}

/** Our own cgroup by controller; v2's under "". */
function readOwn(path: string): ReadonlyMap<string, string> {
  return new Map(
    lines(path).flatMap((line) => {
      const [, controllers = '', ...rest] = line.split(':');
      return controllers.split(',').map((controller) => [controller, rest.join(':')] as const);
    }),
  );
}

const lines = (path: string): string[] => readIfThere(path).split('\n').filter(Boolean);
