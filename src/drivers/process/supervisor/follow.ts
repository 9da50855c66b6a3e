import { setTimeout as wait } from 'node:timers/promises';
import { cut, readFrom, tail } from './logs.ts';

const LOOK_MS = 100;
const MAX_READ_BYTES = 256 * 1024;

/** The last lines, then new ones until it is stopped. A line is given when it is whole. */
export async function* readLog(
  path: string,
  count: number,
  isFollowed: boolean,
  stop: AbortSignal,
): AsyncGenerator<string> {
  const { lines, end } = tail(path, count);
  yield* lines;
  if (!isFollowed) return;
  let at = end;
  let pending = Buffer.alloc(0);
  while (!stop.aborted) {
    const read = readFrom(path, at, MAX_READ_BYTES);
    at = read.end;
    if (read.bytes.length === 0) {
      await wait(LOOK_MS, undefined, { signal: stop }).catch(() => {});
      continue;
    }
    const bytes = Buffer.concat([pending, read.bytes]);
    const last = bytes.lastIndexOf(10);
    const isTooLong = last < 0 && bytes.length > MAX_READ_BYTES;
    const whole = bytes.subarray(0, isTooLong ? bytes.length : last + 1).toString('utf8');
    pending = Buffer.from(bytes.subarray(isTooLong ? bytes.length : last + 1));
    for (const line of whole.split('\n').slice(0, isTooLong ? undefined : -1)) yield cut(line);
  }
}
