import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
  /** Whatever `work` forks is born inside: the supervisor itself steps in for that moment, and out. */
  inside<T>(place: CgroupPlace, work: () => T): T;
  pids(place: CgroupPlace): number[];
  oomKills(place: CgroupPlace): number;
  remove(place: CgroupPlace): void;
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

/** Processes and threads of one replica: enough for a big JVM, too few for a fork bomb to hurt the machine. */
export const MAX_PIDS = 4096;
export const CPU_PERIOD_US = 100_000;
export const cpuQuotaUs = (limits: Limits): number => Math.max(1000, Math.round(limits.cpuMillis * 100));

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

/** Without the supervisor, should it be stuck inside. */
export const readPids = (path: string): number[] =>
  readIfThere(path)
    .split('\n')
    .filter(Boolean)
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);

/** The number behind a word: "oom_kill 3". */
export const readCount = (path: string, word: string): number =>
  Number(
    readIfThere(path)
      .split('\n')
      .find((line) => line.startsWith(`${word} `))
      ?.slice(word.length + 1) ?? 0,
  );
