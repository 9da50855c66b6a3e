import { appendFileSync } from 'node:fs';
import { LOG_PARTS } from '../../../domain/replica-bounds.ts';
import { giveBack, olderPart, rotate, sizeOf, takenOnDisk } from './logs.ts';

const MIB = 1024 ** 2;
const CALM_MS = 1000;
const BUSY_MS = 50;
/** A log that grew by this share of its bound since the last look is looked at more often. */
const BUSY_SHARE = 0.1;

/** Beyond what even a loud application writes between two looks; once is forgiven. */
const LARGE_PARTS = 8;
const LARGE_LEAST_BYTES = 64 * MIB;
const LARGE_TIMES = 5;
const LARGE_WITHIN_MS = 60_000;
/** So many times as much is not forgiven at all. */
const ENDED_FACTOR = 8;
/** What was written while nobody looked, for want of a supervisor or of a disk that answers, is held against nobody. */
const LOOKED_WITHIN_MS = 10_000;

/** Whose output a log holds. */
interface Logging {
  readonly files: { readonly log: string };
  overrun(cause: string): void;
}

/** Of the last look, and when a log was found too large by far. */
interface Seen {
  readonly at: number;
  readonly size: number;
  readonly taken: number;
  readonly large: readonly number[];
}

/** Keeps the logs of all replicas within their bound; how often it looks depends on how fast they grow. */
export function keepLogsBounded(
  replicas: () => readonly Logging[],
  maxBytes: number,
  also: () => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const seen = new WeakMap<Logging, Seen>();
  const lookAt = async (replica: Logging): Promise<boolean> => {
    const { log } = replica.files;
    const now = performance.now();
    const before: Seen & { readonly cause?: string } = seen.get(replica) ?? {
      at: -LOOKED_WITHIN_MS,
      size: 0,
      taken: 0,
      large: [],
    };
    const size = sizeOf(log);
    const taken = Math.max(size, takenOnDisk(log));
    if (size > maxBytes) await tryRotate(log, maxBytes, before.size);
    // The disk may be full, or the file gone; the next look tries again.
    else if (taken > maxBytes) await giveBack(log).catch(() => {});
    const isJudged = now - before.at < LOOKED_WITHIN_MS;
    const { cause, large } = isJudged ? judge(taken, before.large, maxBytes) : before;
    const left = taken > maxBytes ? 0 : taken;
    seen.set(replica, { at: now, size: size > maxBytes ? 0 : size, taken: left, large });
    if (cause !== undefined) replica.overrun(cause);
    return taken - before.taken > maxBytes * BUSY_SHARE;
  };
  const look = async () => {
    let isBusy = false;
    for (const replica of replicas()) {
      if (await lookAt(replica)) isBusy = true;
      if (isStopped) return;
    }
    also();
    timer = setTimeout(begin, isBusy ? BUSY_MS : CALM_MS);
  };
  const begin = () =>
    void look().catch((error: unknown) => {
      throw error;
    });
  begin();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/** What its application is ended for, if it is; and when it was too large by far of late. */
function judge(
  taken: number,
  before: readonly number[],
  maxBytes: number,
): { readonly cause?: string; readonly large: readonly number[] } {
  const most = Math.max(LARGE_PARTS * maxBytes, LARGE_LEAST_BYTES);
  if (taken <= most) return { large: before };
  const mib = (bytes: number) => Math.round(bytes / MIB);
  if (taken > ENDED_FACTOR * most) {
    const cause = `its log takes ${mib(taken)} MiB, more than the ${mib(ENDED_FACTOR * most)} that are forgiven`;
    return { cause, large: [] };
  }
  const now = performance.now();
  const large = [...before.filter((at) => now - at < LARGE_WITHIN_MS), now];
  if (large.length < LARGE_TIMES) return { large };
  const cause = `its log took more than ${mib(most)} MiB ${large.length} times within a minute`;
  return { cause, large: [] };
}

async function tryRotate(path: string, maxBytes: number, known: number): Promise<void> {
  try {
    const isLost = sizeOf(olderPart(path)) > 0;
    await rotate(path, maxBytes, known);
    if (isLost) tell(path, maxBytes);
  } catch {
    // It was removed meanwhile, or the disk is full; the next look tries again.
  }
}

/** Whoever looks for an older line finds out why it is gone. */
function tell(path: string, maxBytes: number): void {
  const bound = `${Number(((LOG_PARTS * maxBytes) / MIB).toFixed(2))} MiB`;
  appendFileSync(path, `openstage: the log has reached its bound of ${bound}: its oldest lines are gone\n`);
}
