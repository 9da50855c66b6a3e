import { Problem } from '../domain/errors.ts';
import { refusal } from '../domain/instance.ts';
import type { Kind } from '../jobs/kind.ts';
import { awaitHealthy } from '../tasks/await-healthy.ts';
import { buildRelease } from '../tasks/build-release.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { provisionReplicas } from '../tasks/provision-replicas.ts';
import { resolveArtifact } from '../tasks/resolve-artifact.ts';
import { rollBatches } from '../tasks/roll-batches.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { confirmHealthy, switchTraffic } from '../tasks/switch-traffic.ts';
import { acceptJob, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { nextRollout } from './next-rollout.ts';
import { noEffect, settled } from './settle.ts';

/** A release that never served may have no build yet; for any other, resolving and building find their work done. */
export const startInstanceKind: Kind<Parts> = {
  name: 'start-instance',
  tasks: [
    checkTarget,
    resolveArtifact,
    buildRelease,
    rollBatches,
    provisionReplicas,
    awaitHealthy,
    confirmHealthy,
    switchTraffic,
    retireReplicas,
  ],
  ...settled,
};

/** Starts the serving release anew, or the requested one where none has served; has no effect where all replicas are healthy. */
export async function startInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (tx, instance) => {
    const refused = refusal('start', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    const isHealthy =
      instance.wanted === 'running' &&
      instance.health.observable &&
      instance.health.healthy >= instance.replicas;
    if (isHealthy && instance.servingRelease !== undefined) return { kind: noEffect, activity: 'starting' };
    const release = instance.servingRelease ?? instance.requestedRelease;
    return {
      kind: startInstanceKind,
      activity: 'starting',
      plan: await nextRollout(tx, instance, release, services.now()),
    };
  });
}
