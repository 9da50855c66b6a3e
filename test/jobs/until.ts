import { setTimeout as pause } from 'node:timers/promises';

const LIMIT_MS = 20_000;

/** Waits for a condition; the limit is only there so that a test cannot hang. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`Waited ${LIMIT_MS} ms for ${what}.`);
    await pause(2);
  }
}
