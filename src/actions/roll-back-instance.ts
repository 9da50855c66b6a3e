import { Problem } from '../domain/errors.ts';
import { refusal } from '../domain/instance.ts';
import type { Kind } from '../jobs/kind.ts';
import { findRollbackTarget } from '../store/releases.ts';
import { awaitHealthy } from '../tasks/await-healthy.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { provisionReplicas } from '../tasks/provision-replicas.ts';
import { makeRoom } from '../tasks/make-room.ts';
import { rollBatches } from '../tasks/roll-batches.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { confirmHealthy, switchTraffic } from '../tasks/switch-traffic.ts';
import { acceptJob, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { nextRollout } from './next-rollout.ts';
import { noEffect, settled } from './settle.ts';

/** Nothing is fetched and nothing is built: the snapshot is complete. */
export const rollBackInstanceKind: Kind<Parts> = {
  name: 'roll-back-instance',
  tasks: [
    checkTarget,
    makeRoom,
    rollBatches,
    provisionReplicas,
    awaitHealthy,
    confirmHealthy,
    switchTraffic,
    retireReplicas,
  ],
  ...settled,
};

/** `version` is a label or a number; see `findRollbackTarget`. It keeps the present number of replicas. */
export async function rollBackInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  version: string,
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (tx, instance) => {
    const refused = refusal('rollback', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    const target = await findRollbackTarget(tx, instance.id, version);
    if (target.found === 'none') {
      throw new Problem(
        'releaseUnknown',
        `Instance ${instance.id} has no snapshot of version "${version}"; list its snapshots to see what it can be rolled back to.`,
      );
    }
    if (target.found === 'serving') return { kind: noEffect, activity: 'rollingBack' };
    return {
      kind: rollBackInstanceKind,
      activity: 'rollingBack',
      plan: await nextRollout(tx, instance, target.release.id, services.now()),
    };
  });
}
