const FIRST_MS = 100;
const LAST_MS = 30_000;
/** Who lived so long has recovered. */
const RECOVERED_MS = 60_000;

/** How long a replica that exited waits for its next start. */
export function nextBackoffMs(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= RECOVERED_MS) return FIRST_MS;
  return Math.min(previousMs * 2, LAST_MS);
}
