import { Problem } from '../domain/errors.ts';
import { refusal } from '../domain/instance.ts';
import type { Kind } from '../jobs/kind.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { wantStopped } from '../tasks/want-stopped.ts';
import { acceptJob, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { noEffect, settled } from './settle.ts';

export const stopInstanceKind: Kind<Parts> = {
  name: 'stop-instance',
  tasks: [checkTarget, wantStopped, retireReplicas],
  ...settled,
};

export async function stopInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (_, instance) => {
    const refused = refusal('stop', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    return { kind: instance.wanted === 'stopped' ? noEffect : stopInstanceKind, activity: 'stopping' };
  });
}
