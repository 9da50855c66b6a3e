import type { Task } from '../jobs/kind.ts';
import { updateInstance } from '../store/instances.ts';
import { loadInstance } from './load-rollout.ts';
import { observe, recordObserved } from './observe-instance.ts';
import type { Parts } from './parts.ts';

/** Records the new number of replicas: from here on the ingress knows only those below it, and the status counts by it. */
export const applyScale: Task<Parts> = {
  name: 'apply-scale',
  pointOfNoReturn: true,
  async run({ plan, parts, write }) {
    const { replicas, hosts } = plan;
    const instance = await loadInstance(parts, plan.instance);
    const look = instance.wanted === 'running' ? await observe(parts, instance) : undefined;
    await write(async (tx) => {
      await updateInstance(tx, plan.instance, {
        replicas,
        ...(hosts && { hosts }),
        updateTime: parts.now(),
      });
      if (look) await recordObserved(tx, instance.id, look, parts.now());
    });
    await parts.routes.publish();
  },
};
