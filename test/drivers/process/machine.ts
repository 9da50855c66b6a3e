import type { TestContext } from 'node:test';

/** True where the machine has what a test needs; else the reason is printed, and it is a failure where nothing may lack. */
export function has(t: TestContext, isThere: boolean, reason: string): boolean {
  if (isThere) return true;
  if (process.env['OPENSTAGE_TEST_ALL'] === '1') throw new Error(`This machine cannot show it: ${reason}`);
  t.diagnostic(`not shown on this machine: ${reason}`);
  return false;
}

export const isRoot = (): boolean => process.getuid?.() === 0;
