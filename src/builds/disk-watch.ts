import { statfs } from 'node:fs/promises';
import { Problem } from '../domain/errors.ts';
import { DEPTH_MOST, walkTree } from '../files/tree.ts';

export interface DiskLimits {
  /** Of all files below the watched directory. */
  readonly bytes: number;
  readonly entries: number;
  /** What must stay free on the disk for everybody else: a full one stops the whole platform. */
  readonly freeBytes: number;
}

export const MOST_ENTRIES = 1_000_000;
const FIRST_LOOK_MS = 500;
/** A look costs time itself, so the next one waits many times as long. */
const REST_FACTOR = 10;

/** Looks at what a directory takes until it is told to end; says once, in words, what is too much. */
export function watchDisk(dir: string, limits: DiskLimits, exceeded: (what: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const look = async () => {
    const start = performance.now();
    // What cannot be looked at now is looked at again.
    const what = await excessOf(dir, limits).catch(() => undefined);
    if (isOver) return;
    if (what !== undefined) exceeded(what);
    else lookIn(Math.max(FIRST_LOOK_MS, REST_FACTOR * (performance.now() - start)));
  };
  const lookIn = (ms: number) => {
    timer = setTimeout(() => void look(), ms);
  };
  lookIn(FIRST_LOOK_MS);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

export async function excessOf(dir: string, limits: DiskLimits): Promise<string | undefined> {
  if ((await freeBytes(dir)) < limits.freeBytes)
    return `left less than ${limits.freeBytes} bytes free on the disk`;
  return measure(dir, { bytes: 0, entries: 0 }, limits);
}

/** What vanishes while it is measured, or may not be read, counts as nothing: the free space tells in the end. */
async function measure(
  root: string,
  use: { bytes: number; entries: number },
  limits: DiskLimits,
): Promise<string | undefined> {
  try {
    await walkTree(root, {
      enter: (_dir, _stats, depth) => {
        use.entries += 1;
        if (depth > DEPTH_MOST) throw new TooMuch(`made directories more than ${DEPTH_MOST} deep`);
        if (use.entries > limits.entries) throw new TooMuch(`wrote more than ${limits.entries} files`);
        return Promise.resolve();
      },
      entry: (_dir, _name, stats) => {
        use.entries += 1;
        use.bytes += stats.isFile() ? stats.blocks * 512 : 0;
        if (use.entries > limits.entries) throw new TooMuch(`wrote more than ${limits.entries} files`);
        if (use.bytes > limits.bytes) throw new TooMuch(`wrote more than ${limits.bytes} bytes`);
        return Promise.resolve();
      },
      isMoving: true,
    });
  } catch (error) {
    if (error instanceof TooMuch) return error.message;
    throw error;
  }
  return undefined;
}

class TooMuch extends Error {}

const freeBytes = async (dir: string): Promise<number> => {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
};

/** Before anything is written. */
export async function assertFree(dir: string, least: number): Promise<void> {
  const free = await freeBytes(dir);
  if (free >= least) return;
  const mib = (bytes: number) => `${Math.floor(bytes / 1024 ** 2)} MiB`;
  throw new Problem(
    'targetUnavailable',
    `The disk of the data directory has ${mib(free)} free; building from code needs at least ${mib(least)}: make room, then repeat the request.`,
  );
}
