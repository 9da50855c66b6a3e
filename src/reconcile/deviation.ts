import type { Observed } from '../domain/rollout.ts';
import type { Watched } from '../store/watched.ts';

/**
 * What runs compared with what should run, as sets of replicas; that one is sick is no deviation, its host sees to it.
 * A sentence for the log, or undefined where all is as it should be.
 */
export function deviates(
  instance: Watched,
  seen: readonly Observed[],
  unretired: readonly number[],
): string | undefined {
  const serves = !instance.isDeleted && instance.wanted === 'running';
  const serving = serves ? instance.servingRollout : undefined;
  const stray = seen.find(({ rollout, ordinal }) => rollout !== serving || ordinal >= instance.replicas);
  if (stray) return `replica ${stray.ordinal} of rollout ${stray.rollout} should not be there`;
  const leftover = unretired.find((number) => number !== serving);
  if (leftover !== undefined) return `rollout ${leftover} is to be retired`;
  if (serving === undefined) return undefined;
  if (instance.outOfService === serving) return `rollout ${serving} is out of service for a job that ended`;
  const present = new Set(seen.map(({ ordinal }) => ordinal));
  const missing = Array.from({ length: instance.replicas }, (_, ordinal) => ordinal).find(
    (ordinal) => !present.has(ordinal),
  );
  return missing === undefined ? undefined : `replica ${missing} of rollout ${serving} is not there`;
}
