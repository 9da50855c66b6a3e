import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../../../domain/rollout.ts';
import { list, object, oneOf, record, text } from './shape.ts';

/** Where the cgroup of a replica lies; stored, so that it is found again whatever the machine looks like then. */
export interface CgroupPlace {
  readonly version: 'v1' | 'v2';
  /** By controller; in v2 the one directory under "unified". */
  readonly dirs: Readonly<Record<string, string>>;
  readonly enforced: readonly string[];
}
export const isCgroupPlace = object<CgroupPlace>(
  { version: oneOf('v1', 'v2'), dirs: record(text), enforced: list(text) },
  {},
);

/** The cgroups of one kind on this machine. */
export interface Cgroups {
  /** For the log: "v1: memory, cpu, pids". */
  readonly description: string;
  /** Those that a replica is limited by. */
  readonly controllers: readonly string[];
  /** The kernel ends all members of a place in one step. */
  readonly killsAtOnce: boolean;
  /** Absent where nothing can be limited. */
  make(name: string, limits: Limits): CgroupPlace | undefined;
  /** The files by which a process steps in: it writes 0, which is itself. The supervisor never does. */
  entrances(place: CgroupPlace): readonly string[];
  /** At most so many as a replica may have; of more, some. */
  pids(place: CgroupPlace): number[];
  isEmpty(place: CgroupPlace): boolean;
  /** Ends all members; where the kernel has no step for it, it is called again until nobody is left. */
  kill(place: CgroupPlace): void;
  /** Those that are there under the name of a replica, whoever made them. */
  existing(): ReadonlyMap<string, CgroupPlace>;
  oomKills(place: CgroupPlace): number;
  /** How often it had as many processes as it may have, and was refused another. */
  refusedForks(place: CgroupPlace): number;
  /** False: not yet, since somebody is in it. */
  isRemoved(place: CgroupPlace): boolean;
  /** What holds all of them, once it is empty and the supervisor ends. */
  close(): void;
}

export interface Mount {
  /** What of the hierarchy the mount shows. */
  readonly root: string;
  readonly dir: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** The directory of one of our own cgroups below a mount. */
export const below = (mount: Mount, path: string): string =>
  join(mount.dir, mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path);

const GIB = 1024 ** 3;
const [LEAST_PIDS, MOST_PIDS, PIDS_PER_GIB] = [256, 1024, 512];

/** Processes and threads of one replica: enough for a JVM of that size, too few for a fork bomb to hurt the machine. */
export const maxPids = ({ memoryBytes }: Limits): number =>
  Math.min(MOST_PIDS, Math.max(LEAST_PIDS, Math.round((memoryBytes / GIB) * PIDS_PER_GIB)));

export const CPU_PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1000;
/** A flavor may be larger than the host: what is left of it is for the platform and for whoever logs in to help. */
const SHARE_OF_HOST = 0.9;

export const cpuQuotaUs = ({ cpuMillis }: Limits, cores = availableParallelism()): number =>
  Math.round(Math.max(LEAST_QUOTA_US, Math.min(cpuMillis / 1000, cores * SHARE_OF_HOST) * CPU_PERIOD_US));

/** By the size of the flavor, and always below that of a process which is in no such cgroup. */
const [LEAST_WEIGHT, MOST_WEIGHT, MILLIS_PER_WEIGHT] = [1, 50, 100];
export const cpuWeight = ({ cpuMillis }: Limits): number =>
  Math.min(MOST_WEIGHT, Math.max(LEAST_WEIGHT, Math.round(cpuMillis / MILLIS_PER_WEIGHT)));

/** Not every kernel has every file, and not every value is allowed everywhere. */
export function isWritten(dir: string, file: string, value: string): boolean {
  try {
    writeFileSync(join(dir, file), value);
    return true;
  } catch {
    return false;
  }
}

/** Writes what is there to be written: a missing file is not made. */
export function writeIfThere(dir: string, file: string, value: string): void {
  if (existsSync(join(dir, file))) isWritten(dir, file, value);
}

export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What a list of members is read of: some thousands. */
const MOST_LIST_BYTES = 64 * 1024;

/** Without the supervisor, should it be stuck inside. */
export const readPids = (path: string): number[] =>
  readStart(path, MOST_LIST_BYTES)
    .split('\n')
    .filter(Boolean)
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);

function readStart(path: string, maxBytes: number): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const chunk = Buffer.alloc(maxBytes);
    const count = readSync(file, chunk);
    // The last number of a part may be cut.
    const end = count < maxBytes ? count : chunk.lastIndexOf(10);
    return chunk.toString('latin1', 0, end);
  } catch {
    // It was removed meanwhile.
    return '';
  } finally {
    closeSync(file);
  }
}

export const isMade = (dir: string): boolean => {
  try {
    mkdirSync(dir, { recursive: true });
    return true;
  } catch {
    return false;
  }
};

/** Also where it is gone already. */
export const isGone = (dir: string): boolean => {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
};

export function childrenOf(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

export function signalAll(pids: readonly number[], signal: 'SIGTERM' | 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

const KILL = 'cgroup.kill';

/** A directory of the unified hierarchy: the kernel ends all of it in one step, or (before 5.14) at least holds it still meanwhile. */
export function killUnified(dir: string, missing = ''): void {
  if (missing !== KILL && existsSync(join(dir, KILL)) && isWritten(dir, KILL, '1')) return;
  writeIfThere(dir, 'cgroup.freeze', '1');
  signalAll(readPids(join(dir, 'cgroup.procs')), 'SIGKILL');
  writeIfThere(dir, 'cgroup.freeze', '0');
}

/** The number behind a word: "oom_kill 3". */
export const readCount = (path: string, word: string): number =>
  Number(
    readIfThere(path)
      .split('\n')
      .find((line) => line.startsWith(`${word} `))
      ?.slice(word.length + 1) ?? 0,
  );
