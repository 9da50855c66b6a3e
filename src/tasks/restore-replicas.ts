import type { Task } from '../jobs/kind.ts';
import { updateInstance } from '../store/instances.ts';
import { loadInstance, loadRollout } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/** Asks for the replicas that should serve and are not there; whether they get healthy is for others to watch. */
export const restoreReplicas: Task<Parts> = {
  name: 'restore-replicas',
  async run(context) {
    const { plan, parts, stop, write } = context;
    const instance = await loadInstance(parts, plan.instance);
    if (instance.wanted !== 'running' || instance.servingRollout === undefined) return;
    const rollout = await loadRollout(context, instance, instance.servingRollout);
    await parts.driver(instance.driver).ensure(rollout, instance.replicas, stop);
    // Whoever took it out of service ended without putting it back.
    if (instance.outOfService === undefined) return;
    await write((tx) => updateInstance(tx, instance.id, { outOfService: null }));
    await parts.routes.publish();
  },
};
