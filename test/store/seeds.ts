import type { TestContext } from 'node:test';

/** Cases of a property: short by itself, long where everything is tested. */
export const cases = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 1_000 : 200;

/** Printed with the test; `SEED=…` gives the same cases again. */
export function seedOf(t: TestContext): number {
  const seed =
    process.env['SEED'] === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(process.env['SEED']);
  t.diagnostic(`SEED=${seed}`);
  return seed;
}
