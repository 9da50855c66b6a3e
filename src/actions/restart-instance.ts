import { Problem } from '../domain/errors.ts';
import { refusal } from '../domain/instance.ts';
import { startInstanceKind } from './start-instance.ts';
import type { Kind } from '../jobs/kind.ts';
import type { Parts } from '../tasks/parts.ts';
import { acceptJob, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { nextRollout } from './next-rollout.ts';

/** New replicas of the same release take over before the old ones leave. */
export const restartInstanceKind: Kind<Parts> = { ...startInstanceKind, name: 'restart-instance' };

export async function restartInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (tx, instance) => {
    const refused = refusal('restart', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    const release = instance.servingRelease ?? instance.requestedRelease;
    return {
      kind: restartInstanceKind,
      activity: 'restarting',
      plan: await nextRollout(tx, instance, release, services.now()),
    };
  });
}
