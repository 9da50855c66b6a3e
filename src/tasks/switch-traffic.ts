import { Problem } from '../domain/errors.ts';
import { updateInstance } from '../store/instances.ts';
import { serveRelease } from '../store/releases.ts';
import type { Task } from '../jobs/kind.ts';
import { loadInstance } from './load-rollout.ts';
import { neverHealthy, observe, recordObserved } from './observe-instance.ts';
import type { Parts } from './parts.ts';

/** Looks once more whether the new replicas are all ready: what got ready and fell over since must not take the traffic. */
export const confirmHealthy: Task<Parts> = {
  name: 'confirm-healthy',
  async run({ plan, parts }) {
    const instance = await loadInstance(parts, plan.instance);
    if (!plan.next || plan.replicas === 0 || instance.servingRollout === plan.next.rollout) return;
    const { rollout } = plan.next;
    const seen = (await observe(parts, instance)).seen.filter((replica) => replica.rollout === rollout);
    const sick = seen.find(({ readiness, ordinal }) => !readiness.ready && ordinal < plan.replicas);
    if (sick) throw await neverHealthy(parts, instance, sick);
    if (seen.length < plan.replicas)
      throw new Problem(
        'neverHealthy',
        `Only ${seen.length} of ${plan.replicas} new replicas are still there.`,
      );
  },
};

/**
 * Makes the next rollout the serving one: its release gets its number and its snapshot in the same transaction,
 * then the ingress is told. From here on nothing is undone.
 */
export const switchTraffic: Task<Parts> = {
  name: 'switch-traffic',
  pointOfNoReturn: true,
  async run({ plan, parts, write }) {
    const { next } = plan;
    if (!next) return;
    const instance = await loadInstance(parts, plan.instance);
    const look = await observe(parts, instance);
    await write(async (tx) => {
      const now = parts.now();
      await serveRelease(tx, { instance: instance.id, ...next, keep: parts.limits.keepReleases, time: now });
      const serving = { wanted: 'running', servingRollout: next.rollout, replicas: plan.replicas } as const;
      await updateInstance(tx, instance.id, {
        ...serving,
        rolling: null,
        outOfService: null,
        ...(plan.hosts && { hosts: plan.hosts }),
        updateTime: now,
      });
      await recordObserved(tx, instance.id, look, now);
    });
    await parts.routes.publish();
  },
};
