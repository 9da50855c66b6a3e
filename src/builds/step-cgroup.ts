import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What the kernel holds a step and all that it starts to. */
export interface StepBounds {
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly tasks: number;
}

/** The cgroup of one step. */
export interface StepCgroup {
  /** Files; whoever writes his number into each is in it, and so is all that he starts. */
  readonly joins: readonly string[];
  readonly controllers: readonly string[];
  /** How often something in it was ended because its memory was used up. */
  oomKills(): Promise<number>;
  processes(): Promise<number>;
  /** Ends all that is still in it, and removes it. */
  end(): Promise<void>;
}

const PREFIX = 'openstage-step-';
const CONTROLLERS = ['memory', 'pids', 'cpu'];
/** A build comes after applications, and these after the platform; the kernel's own is 1024 and 100. */
const SHARES = { v1: '256', v2: '25' } as const;
const GONE_WITHIN_MS = 5000;

interface Places {
  readonly version: 'v1' | 'v2';
  readonly parents: ReadonlyMap<string, string>;
}

/** Undefined where this process may make none. `family` tells those of one data directory from others'. */
export async function makeStepCgroup(bounds: StepBounds, family: string): Promise<StepCgroup | undefined> {
  const places = (await placesV1()) ?? (await placesV2(family));
  if (!places) return undefined;
  const name = `${PREFIX}${family}-${randomUUID()}`;
  const dirs = new Map<string, string>();
  for (const [controller, parent] of places.parents) {
    const dir = join(parent, name);
    if (!(await isDone(mkdir(dir)))) continue;
    dirs.set(controller, dir);
  }
  const held: string[] = [];
  for (const [controller, file, value] of rulesFor(places.version, bounds)) {
    const dir = dirs.get(places.version === 'v2' ? '' : controller);
    if (dir !== undefined && (await isDone(writeFile(join(dir, file), value)))) held.push(controller);
  }
  return dirs.size === 0 ? undefined : open(places.version, dirs, [...new Set(held)]);
}

function rulesFor(version: 'v1' | 'v2', { memoryBytes, tasks }: StepBounds) {
  return version === 'v1'
    ? ([
        ['memory', 'memory.limit_in_bytes', String(memoryBytes)],
        ['pids', 'pids.max', String(tasks)],
        ['cpu', 'cpu.shares', SHARES.v1],
      ] as const)
    : ([
        ['memory', 'memory.max', String(memoryBytes)],
        ['pids', 'pids.max', String(tasks)],
        ['cpu', 'cpu.weight', SHARES.v2],
      ] as const);
}

function open(
  version: 'v1' | 'v2',
  dirs: ReadonlyMap<string, string>,
  controllers: readonly string[],
): StepCgroup {
  const all = [...dirs.values()];
  const [counted = ''] = version === 'v2' ? all : [dirs.get('pids') ?? dirs.get('memory') ?? all[0] ?? ''];
  const memory = dirs.get(version === 'v2' ? '' : 'memory');
  const members = async () => (await textOf(join(counted, 'cgroup.procs'))).split('\n').filter(Boolean);
  return {
    controllers,
    // A single thread moves itself without the wait that moving a whole process costs.
    joins: all.map((dir) => join(dir, version === 'v1' ? 'tasks' : 'cgroup.procs')),
    async oomKills() {
      if (memory === undefined) return 0;
      const text = await textOf(join(memory, version === 'v1' ? 'memory.oom_control' : 'memory.events'));
      return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
    },
    processes: async () => (await members()).length,
    async end() {
      const deadline = performance.now() + GONE_WITHIN_MS;
      for (const left = new Set(all); left.size > 0 && performance.now() < deadline;) {
        for (const dir of left) {
          if (version === 'v2') await isDone(writeFile(join(dir, 'cgroup.kill'), '1'));
          else for (const pid of (await textOf(join(dir, 'cgroup.procs'))).split('\n')) kill(Number(pid));
          if (await isDone(rmdir(dir))) left.delete(dir);
        }
        if (left.size > 0) await pause(10);
      }
    },
  };
}

/** At start: what a killed platform left, which is empty by now. */
export async function removeStepCgroups(family: string): Promise<void> {
  const places = (await placesV1()) ?? (await placesV2(family));
  for (const parent of places?.parents.values() ?? []) {
    for (const name of await readdir(parent).catch(() => []))
      if (name.startsWith(`${PREFIX}${family}-`)) await isDone(rmdir(join(parent, name)));
  }
}

interface Mount {
  readonly root: string;
  readonly dir: string;
  readonly type: string;
  readonly options: readonly string[];
}

async function placesV1(): Promise<Places | undefined> {
  const [mounts, own] = [await mountsSeen(), await ownPaths()];
  const parents = new Map<string, string>();
  for (const controller of CONTROLLERS) {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
    const path = own.get(controller);
    if (mount && path !== undefined) parents.set(controller, join(mount.dir, relative(mount.root, path)));
  }
  return parents.size > 0 ? { version: 'v1', parents } : undefined;
}

/** As far up as we may write: processes may only be in leaves, and we are in one. */
async function placesV2(family: string): Promise<Places | undefined> {
  const mount = (await mountsSeen()).find(({ type }) => type === 'cgroup2');
  const path = (await ownPaths()).get('');
  if (!mount || path === undefined) return undefined;
  const ways: string[] = [];
  for (let dir = join(mount.dir, relative(mount.root, path)); dir.startsWith(mount.dir); dir = dirname(dir))
    ways.unshift(dir);
  for (const top of ways) {
    const dir = join(top, `openstage-steps-${family}`);
    if (!(await delegates(top)) || !(await isDone(mkdir(dir, { recursive: true })))) continue;
    if (await delegates(dir)) return { version: 'v2', parents: new Map([['', dir]]) };
    await isDone(rmdir(dir));
  }
  return undefined;
}

async function delegates(dir: string): Promise<boolean> {
  const has = (await textOf(join(dir, 'cgroup.controllers'))).trim().split(/\s+/);
  const wanted = CONTROLLERS.filter((controller) => has.includes(controller));
  for (const controller of wanted) {
    const given = (await textOf(join(dir, 'cgroup.subtree_control'))).trim().split(/\s+/);
    if (given.includes(controller)) continue;
    if (!(await isDone(writeFile(join(dir, 'cgroup.subtree_control'), `+${controller}`)))) return false;
  }
  return wanted.includes('memory');
}

async function mountsSeen(): Promise<readonly Mount[]> {
  return (await textOf('/proc/self/mountinfo')).split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '/', dir = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    return type.startsWith('cgroup') ? [{ root, dir, type, options: options.split(',') }] : [];
  });
}

async function ownPaths(): Promise<ReadonlyMap<string, string>> {
  const lines = (await textOf('/proc/self/cgroup')).split('\n').filter(Boolean);
  return new Map(
    lines.flatMap((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return controllers.split(',').map((controller) => [controller, path.join(':')] as const);
    }),
  );
}

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

const isDone = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
