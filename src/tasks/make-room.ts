import { replicaName } from '../domain/rollout.ts';
import type { Task } from '../jobs/kind.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import { forgetReplicas } from '../store/observations.ts';
import { loadInstance, loadRelease, loadRollout } from './load-rollout.ts';
import { observe, recordObserved } from './observe-instance.ts';
import type { Parts } from './parts.ts';
import { drain } from './publish-routes.ts';

/**
 * With the strategy Recreate, the old replicas leave before the new ones start: the user's own choice of a gap. That
 * their rollout is out of service is written down, so that whoever sees them still running sends them nothing.
 */
export const makeRoom: Task<Parts> = {
  name: 'make-room',
  async run({ plan, parts, stop, write }) {
    const instance = await loadInstance(parts, plan.instance);
    const { servingRollout } = instance;
    if (servingRollout === undefined || !(await isRecreated(parts, instance, plan.next?.rollout))) return;
    await write((tx) =>
      updateInstance(tx, instance.id, {
        outOfService: servingRollout,
        health: { ...instance.health, healthy: 0, detail: 'is being recreated' },
      }),
    );
    await parts.routes.publish();
    const { seen } = await observe(parts, instance);
    const leaving = seen.filter(({ rollout }) => rollout === servingRollout);
    await drain(parts, leaving.map(replicaName), parts.limits.drainTimeoutMs, stop);
    await parts.driver(instance.driver).retire(instance.id, servingRollout, 0, parts.limits.stopGraceMs);
    const gone = parts.looks.moment();
    await write((tx) => forgetReplicas(tx, { instance: instance.id, rollout: servingRollout }, gone));
  },
  /** Asks for the old replicas again and puts them back into service as they are seen now; repair sees to the rest. */
  async undo(context) {
    const { plan, parts, stop, write } = context;
    const instance = await loadInstance(parts, plan.instance);
    const { servingRollout } = instance;
    if (servingRollout === undefined || !(await isRecreated(parts, instance, plan.next?.rollout))) return;
    if (instance.wanted === 'running')
      await parts
        .driver(instance.driver)
        .ensure(await loadRollout(context, instance, servingRollout), instance.replicas, stop);
    const look = await observe(parts, instance);
    await write(async (tx) => {
      await updateInstance(tx, instance.id, { outOfService: null });
      await recordObserved(tx, instance.id, look, parts.now());
    });
    await parts.routes.publish();
  },
};

async function isRecreated(parts: Parts, instance: Instance, next: number | undefined): Promise<boolean> {
  if (next === undefined || next === instance.servingRollout) return false;
  const { content } = await loadRelease(parts, instance, next);
  return content.strategy === 'Recreate';
}
