import type { Task } from '../jobs/kind.ts';
import { updateInstance } from '../store/instances.ts';
import type { Parts } from './parts.ts';

/** Records the new number of replicas: from here on the ingress knows only those below it. */
export const applyScale: Task<Parts> = {
  name: 'apply-scale',
  pointOfNoReturn: true,
  async run({ plan, parts, write }) {
    const { replicas, hosts } = plan;
    await write((tx) =>
      updateInstance(tx, plan.instance, { replicas, ...(hosts && { hosts }), updateTime: parts.now() }),
    );
    await parts.routes.publish();
  },
};
