import { Problem } from '../domain/errors.ts';
import { refusal } from '../domain/instance.ts';
import type { Kind } from '../jobs/kind.ts';
import { awaitHealthy } from '../tasks/await-healthy.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { addReplicas } from '../tasks/provision-replicas.ts';
import { applyScale } from '../tasks/apply-scale.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { holdEnvironment } from '../store/environments.ts';
import { acceptJob, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { planHosts } from './plan-placement.ts';
import { settled } from './settle.ts';

/** New replicas get healthy before they count; surplus ones leave the ingress before they end. */
export const scaleInstanceKind: Kind<Parts> = {
  name: 'scale-instance',
  tasks: [checkTarget, addReplicas, awaitHealthy, applyScale, retireReplicas],
  ...settled,
};

export async function scaleInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  request: { readonly replicas?: number; readonly hosts?: readonly string[] },
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (tx, instance) => {
    const refused = refusal('scale', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    const environment = await holdEnvironment(tx, instance.project, instance.environment);
    if (!environment)
      throw new Problem('environmentUnknown', `Environment ${instance.environment} of the instance is gone.`);
    const hosts = await planHosts(tx, environment, request.hosts);
    return {
      kind: scaleInstanceKind,
      activity: 'scaling',
      plan: { replicas: request.replicas ?? instance.replicas, ...(hosts && { hosts }) },
    };
  });
}
