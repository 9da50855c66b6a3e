import { closeSync, openSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { cut, openLog, readFrom, tail } from './logs.ts';

const LOOK_MS = 100;
const MAX_READ_BYTES = 256 * 1024;

export interface Following {
  readonly stop: AbortSignal;
  /** The replica has ended for good: nobody writes any more. */
  readonly isOver: () => boolean;
}

/** The last lines; with `following` then new ones, to the last that the replica writes. A line is given when it is whole. */
export async function* readLog(
  path: string,
  count: number,
  following: Following | undefined,
): AsyncGenerator<string> {
  if (!following) return yield* tail(path, count).lines;
  // Before the tail is read: when the file is removed, what it held at last can still be read.
  closeSync(openLog(path));
  const file = openSync(path, 'r');
  try {
    const { lines, end } = tail(path, count);
    yield* lines;
    yield* follow(file, end, following);
  } finally {
    closeSync(file);
  }
}

async function* follow(file: number, from: number, { stop, isOver }: Following): AsyncGenerator<string> {
  let at = from;
  let pending = Buffer.alloc(0);
  while (!stop.aborted) {
    const isLast = isOver();
    const { bytes: read, end } = readFrom(file, at, MAX_READ_BYTES);
    at = end;
    if (read.length === 0) {
      if (isLast) return;
      await wait(LOOK_MS, undefined, { signal: stop }).catch(() => {});
      continue;
    }
    const bytes = Buffer.concat([pending, read]);
    const last = bytes.lastIndexOf(10);
    const isTooLong = last < 0 && bytes.length > MAX_READ_BYTES;
    const whole = bytes.subarray(0, isTooLong ? bytes.length : last + 1).toString('utf8');
    pending = Buffer.from(bytes.subarray(isTooLong ? bytes.length : last + 1));
    for (const line of whole.split('\n').slice(0, isTooLong ? undefined : -1)) yield cut(line);
  }
}
