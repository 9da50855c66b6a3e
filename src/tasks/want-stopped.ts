import { updateInstance } from '../store/instances.ts';
import type { Task } from '../jobs/kind.ts';
import type { Parts } from './parts.ts';

/** From here on the instance is to be stopped: the ingress sends it nothing, and repair starts nothing. */
export const wantStopped: Task<Parts> = {
  name: 'want-stopped',
  pointOfNoReturn: true,
  async run({ plan, parts, write }) {
    await write((tx) => updateInstance(tx, plan.instance, { wanted: 'stopped', updateTime: parts.now() }));
  },
};
