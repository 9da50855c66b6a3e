import { setTimeout as pause } from 'node:timers/promises';

/** A generous bound against hanging. */
const MOST_MS = 20_000;

export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + MOST_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('What the test waits for did not come.');
    await pause(5);
  }
}
