import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../domain/errors.ts';

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
  const use = { bytes: 0, entries: 0 };
  await measure(dir, use, limits);
  if (use.bytes > limits.bytes) return `wrote more than ${limits.bytes} bytes`;
  return use.entries > limits.entries ? `wrote more than ${limits.entries} files` : undefined;
}

async function measure(
  dir: string,
  use: { bytes: number; entries: number },
  limits: DiskLimits,
): Promise<void> {
  // What vanishes while it is measured, or may not be read, counts as nothing: the free space tells in the end.
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    if (use.bytes > limits.bytes || use.entries > limits.entries) return;
    use.entries += 1;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await measure(path, use, limits);
    else if (entry.isFile()) {
      const found = await lstat(path).catch(() => undefined);
      use.bytes += found ? found.blocks * 512 : 0;
    }
  }
}

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
