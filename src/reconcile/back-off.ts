export interface BackOff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * How long to wait after so many failures in a row: doubled each time, up to the most, and up to twice that by chance,
 * so that what failed together does not come back together.
 */
export function waitAfter(failures: number, { firstMs, mostMs }: BackOff, random: () => number): number {
  const wait = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return wait * (1 + random());
}

/** Whether the failure of this number is told: ever more seldom, since a thing that fails on fills no log. */
export const isTold = (failures: number): boolean => Number.isInteger(Math.log2(failures));
