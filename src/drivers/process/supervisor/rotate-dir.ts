import { PART, partStamp } from '../../../domain/log-rule.ts';
import { errandOf, runErrand } from './errand.ts';
import type { Bounds, RotateOrder } from './errands/rotate-dir.ts';
import type { Source } from './replica-files.ts';
import { list, text } from './shape.ts';

const errand = errandOf('rotate-dir', 'rotateLogs');
/** All log files of a replica together. */
const MOST_MS = 60_000;

export const BOUNDS: Bounds = { partBytes: 16 * 1024 * 1024, parts: 10, files: 100 };

/** Rotates the logs in a directory of the application's; answers sentences on what could not be done. */
export function rotateDir(
  source: Source,
  user: number | undefined,
  at: number,
  { owner = source.dir, bounds = BOUNDS }: { readonly owner?: string; readonly bounds?: Bounds } = {},
): Promise<readonly string[]> {
  const order: RotateOrder = { source, user, stamp: partStamp(at), part: PART.source, bounds };
  return runErrand(errand, order, list(text), { owner: `logs of ${owner}`, mostMs: MOST_MS });
}
