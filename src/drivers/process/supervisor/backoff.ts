import type { Exit } from '../../../domain/rollout.ts';
import { isOverrun, OVERRUN_PAST_MS } from '../../../domain/rollout.ts';

const FIRST_MS = 100;
const LAST_MS = 30_000;
/** Who lived so long has recovered. */
const RECOVERED_MS = 60_000;
/** Disk is counted once a minute, and kept over an end: only waiting gives its owner the time to make room. */
const FIRST_AGAIN_MS = 10_000;
const LAST_AGAIN_MS = 5 * 60_000;

export interface Ends {
  readonly exit: Exit;
  /** The exit before it. */
  readonly before: Exit | undefined;
}

/** How long a replica that exited waits for its next start. */
export function nextBackoffMs(previousMs: number | undefined, livedMs: number, ends?: Ends): number {
  const isAgain = ends !== undefined && isOverrun(ends.exit) && isOverrun(ends.before);
  if (isAgain && livedMs < OVERRUN_PAST_MS)
    return Math.min(Math.max((previousMs ?? 0) * 2, FIRST_AGAIN_MS), LAST_AGAIN_MS);
  if (previousMs === undefined || livedMs >= RECOVERED_MS) return FIRST_MS;
  return Math.min(previousMs * 2, LAST_MS);
}
