/** How far a rolling update may go beyond and below the count of replicas while it is on its way. */
export interface Batches {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** How far it is: ordinals below `ready` of the new rollout, and below `kept` of the serving one, have the traffic. */
export interface Rolling {
  readonly rollout: number;
  readonly ready: number;
  readonly kept: number;
}

/**
 * The next stand for `count` replicas: first the new ones are started and get ready, then the old ones leave. The last
 * old ones stay until the new release serves.
 */
export function nextBatch(
  { maxSurge, maxUnavailable }: Batches,
  count: number,
  { rollout, ready, kept }: Rolling,
): Rolling {
  const started = Math.min(count - ready, Math.max(0, count + maxSurge - ready - kept));
  const present = ready + started;
  if (present === count) return { rollout, ready: present, kept };
  const spare = present + kept - (count - maxUnavailable);
  return { rollout, ready: present, kept: kept - Math.min(kept, Math.max(0, spare)) };
}
