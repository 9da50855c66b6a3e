import { Problem } from '../domain/errors.ts';
import type { Plan } from '../domain/job.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import { serveRelease } from '../store/releases.ts';
import type { Task, TaskContext } from '../jobs/kind.ts';
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
 * Makes the next rollout the serving one, then tells the ingress. From its beginning on nothing is undone: where the
 * commit's answer or the ingress is lost, the new release may serve already. What is left, repair puts right.
 */
export const switchTraffic: Task<Parts> = {
  name: 'switch-traffic',
  pointOfNoReturn: true,
  async run(context) {
    const { parts, plan } = context;
    if (!plan.next) return;
    const instance = await loadInstance(parts, plan.instance);
    if (instance.servingRollout !== plan.next.rollout) await commit(context, instance, plan.next);
    await parts.routes.publish();
  },
};

/** The release gets its number and its snapshot in the transaction that makes it serve. */
async function commit(
  { parts, plan, write }: TaskContext<Parts>,
  instance: Instance,
  next: NonNullable<Plan['next']>,
): Promise<void> {
  const look = await observe(parts, instance);
  await write(async (tx) => {
    const now = parts.now();
    await serveRelease(tx, { instance: instance.id, ...next, keep: parts.limits.keepReleases, time: now });
    await updateInstance(tx, instance.id, {
      wanted: 'running',
      servingRollout: next.rollout,
      replicas: plan.replicas,
      rolling: null,
      outOfService: null,
      ...(plan.hosts && { hosts: plan.hosts }),
      updateTime: now,
    });
    await recordObserved(tx, instance.id, look, now);
  });
}
