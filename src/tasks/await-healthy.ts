import { Problem } from '../domain/errors.ts';
import type { Task, TaskContext } from '../jobs/kind.ts';
import type { Instance } from '../store/instances.ts';
import { loadInstance } from './load-rollout.ts';
import { describeSick, neverHealthy, observe, recordObserved } from './observe-instance.ts';
import type { Parts } from './parts.ts';

/** Looked often at first: a fast application is not to wait for its platform. */
const LOOKS = [
  { untilMs: 3_000, everyMs: 5 },
  { untilMs: 20_000, everyMs: 50 },
  { untilMs: Infinity, everyMs: 250 },
] as const;

/** Waits until every replica of the rollout that is to serve is ready, or one has shown that it never will be. */
export const awaitHealthy: Task<Parts> = {
  name: 'await-healthy',
  async run(context) {
    const { plan, parts } = context;
    const instance = await loadInstance(parts, plan.instance);
    const rollout =
      plan.next?.rollout ?? (instance.wanted === 'running' ? instance.servingRollout : undefined);
    if (rollout === undefined || plan.replicas === 0) return;
    await untilReady(context, instance, rollout, plan.replicas);
  },
};

/** Waits for the ordinals below the count. */
export async function untilReady(
  { parts, stop, write, progress }: TaskContext<Parts>,
  instance: Instance,
  rollout: number,
  count: number,
): Promise<void> {
  const start = performance.now();
  for (;;) {
    const look = await observe(parts, instance);
    const seen = look.seen.filter((replica) => replica.rollout === rollout && replica.ordinal < count);
    const ready = seen.filter(({ readiness }) => readiness.ready);
    // Where another look may have seen less, one more decides.
    if (ready.length >= count && (await write((tx) => recordObserved(tx, instance.id, look, parts.now()))))
      return;
    const elapsedMs = performance.now() - start;
    const sick = seen.filter(({ readiness }) => !readiness.ready);
    progress(`${ready.length} of ${count} ready${sick[0] ? `; ${describeSick(sick[0])}` : ''}`);
    const hopeless = sick.find((replica) => replica.hopeless !== undefined);
    if (hopeless) throw await neverHealthy(parts, instance, hopeless);
    if (elapsedMs > parts.limits.readinessTimeoutMs) {
      throw sick[0]
        ? await neverHealthy(parts, instance, sick[0])
        : new Problem(
            'neverHealthy',
            `Only ${seen.length} of ${count} replicas were there after ${Math.round(elapsedMs / 1000)} s.`,
          );
    }
    await pause(LOOKS.find(({ untilMs }) => elapsedMs < untilMs)?.everyMs ?? 250);
    stop.throwIfAborted();
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
