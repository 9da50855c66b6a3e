import { Problem } from '../domain/errors.ts';
import { replicaName } from '../domain/rollout.ts';
import type { Task, TaskContext } from '../jobs/kind.ts';
import type { Instance } from '../store/instances.ts';
import { forgetReplicas } from '../store/observations.ts';
import { listUnretiredRollouts, markRolloutRetired } from '../store/rollouts.ts';
import { loadInstance } from './load-rollout.ts';
import { observe } from './observe-instance.ts';
import type { Parts } from './parts.ts';
import { drain } from './publish-routes.ts';

/**
 * Ends all that should not run: every rollout that does not serve, and of the one that does, the replicas beyond the
 * count. The ingress has forgotten them first, durably, so no request finds another's port; requests in flight finish.
 */
export const retireReplicas: Task<Parts> = {
  name: 'retire-replicas',
  pointOfNoReturn: true,
  async run(context) {
    const { parts, plan } = context;
    const instance = await loadInstance(parts, plan.instance);
    try {
      await parts.routes.publish();
      const unretired = await listUnretiredRollouts(parts.store.read, instance.id);
      const { seen } = await observe(parts, instance);
      const numbers = new Set([
        ...unretired.map(({ number }) => number),
        ...seen.map(({ rollout }) => rollout),
      ]);
      for (const number of numbers)
        await retire(context, instance, number, isServing(instance, number) ? instance.replicas : 0);
    } catch (error) {
      const isForced = plan.force === true && error instanceof Problem && error.code === 'targetUnavailable';
      if (!isForced) throw error;
    }
  },
};

/** Also with no replicas: then they are only a scale away. */
const isServing = ({ servingRollout, wanted }: Instance, rollout: number): boolean =>
  rollout === servingRollout && wanted === 'running';

/** Ends the replicas of a rollout from ordinal `keep` on. What serves is not retired, however few are kept. */
export async function retire(
  { parts, stop, write }: TaskContext<Parts>,
  instance: Instance,
  rollout: number,
  keep: number,
): Promise<void> {
  const leaving = (await observe(parts, instance)).seen.filter(
    (replica) => replica.rollout === rollout && replica.ordinal >= keep,
  );
  if (keep > 0 && leaving.length === 0) return;
  await drain(parts, leaving.map(replicaName), parts.limits.drainTimeoutMs, stop);
  await parts.driver(instance.driver).retire(instance.id, rollout, keep, parts.limits.stopGraceMs);
  const gone = parts.looks.moment();
  await write(async (tx) => {
    await forgetReplicas(tx, { instance: instance.id, rollout, keep }, gone);
    if (keep === 0 && !isServing(instance, rollout))
      await markRolloutRetired(tx, instance.id, rollout, parts.now());
  });
}
