import type { Task } from '../jobs/kind.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import { deleteReplicas } from '../store/replicas.ts';
import { loadInstance, loadRelease, loadRollout } from './load-rollout.ts';
import type { Parts } from './parts.ts';
import { drain } from './publish-routes.ts';
import { observe } from './observe-instance.ts';
import { replicaName } from '../domain/rollout.ts';

/** With the strategy Recreate, the old replicas leave before the new ones start: the user's own choice of a gap. */
export const makeRoom: Task<Parts> = {
  name: 'make-room',
  async run({ plan, parts, stop, write }) {
    const instance = await loadInstance(parts, plan.instance);
    const { servingRollout } = instance;
    if (servingRollout === undefined || !(await isRecreated(parts, instance, plan.next?.rollout))) return;
    const leaving = (await observe(parts, instance)).filter(({ rollout }) => rollout === servingRollout);
    await write(async (tx) => {
      await deleteReplicas(tx, instance.id, servingRollout);
      await updateInstance(tx, instance.id, {
        health: { healthy: 0, observable: true, detail: 'is being recreated' },
      });
    });
    await parts.routes.publish();
    await drain(parts, leaving.map(replicaName), parts.limits.drainTimeoutMs, stop);
    await parts.driver(instance.driver).retire(instance.id, servingRollout, 0, parts.limits.stopGraceMs);
  },
  /** Asks for the old replicas again; repair sees to it that they come. */
  async undo({ plan, parts, stop }) {
    const instance = await loadInstance(parts, plan.instance);
    if (instance.servingRollout === undefined || instance.wanted !== 'running') return;
    if (!(await isRecreated(parts, instance, plan.next?.rollout))) return;
    await parts
      .driver(instance.driver)
      .ensure(await loadRollout(parts, instance, instance.servingRollout), instance.replicas, stop);
  },
};

async function isRecreated(parts: Parts, instance: Instance, next: number | undefined): Promise<boolean> {
  if (next === undefined || next === instance.servingRollout) return false;
  const { content } = await loadRelease(parts, instance, next);
  return content.strategy === 'Recreate';
}
