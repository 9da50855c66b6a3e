import type { Kind } from '../jobs/kind.ts';
import { openJob } from '../jobs/open-job.ts';
import { taskNamesOf } from '../jobs/kind.ts';
import { listOpenJobs } from '../store/jobs.ts';
import { findInstanceEvenDeleted, lockInstance, type Instance } from '../store/instances.ts';
import { forgetRepairsBeyond } from '../store/repair-history.ts';
import type { Parts } from '../tasks/parts.ts';
import { restoreReplicas } from '../tasks/restore-replicas.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { planOf } from './accept-job.ts';
import type { Services } from './caller.ts';

const quiet: Pick<Kind<Parts>, 'succeeded' | 'failed'> = { async succeeded() {}, async failed() {} };

/** Puts right what deviates from what should run. It yields to users' jobs, and nobody waits for it. */
export const repairInstanceKind: Kind<Parts> = {
  name: 'repair-instance',
  tasks: [restoreReplicas, retireReplicas],
  ...quiet,
};

/** Ends what a deleted instance left on a target. */
export const cleanUpInstanceKind: Kind<Parts> = {
  name: 'clean-up-instance',
  tasks: [retireReplicas],
  ...quiet,
};

const PLATFORM = 'openstage';
/** Of an instance, to see what was tried. */
const KEEP_REPAIRS = 10;

/** Opens a repair, unless any job is open on the instance: then that one is at it, or the next look will see. */
export async function repairInstance(services: Services, instance: Instance): Promise<boolean> {
  const kind = instance.deleteTime === undefined ? repairInstanceKind : cleanUpInstanceKind;
  const isOpened = await services.store.write(async (tx) => {
    // Decided on what may be old by now: a request may have come and its job ended since.
    const now = (await lockInstance(tx, instance.id)) ?? (await findInstanceEvenDeleted(tx, instance.id));
    if (!now || basisOf(now) !== basisOf(instance)) return false;
    if ((await listOpenJobs(tx, instance.id)).length > 0) return false;
    await openJob(tx, {
      kind: kind.name,
      taskNames: taskNamesOf(kind),
      ids: services.jobIds,
      plan: planOf(instance),
      project: instance.project,
      instance: instance.id,
      createdBy: PLATFORM,
      now: services.now(),
    });
    await forgetRepairsBeyond(tx, instance.id, KEEP_REPAIRS);
    return true;
  });
  if (isOpened) services.wake();
  return isOpened;
}

/** All of an instance that says what should run. */
const basisOf = ({
  wanted,
  activity,
  servingRollout,
  rolling,
  replicas,
  hosts,
  deleteTime,
}: Instance): string =>
  JSON.stringify([wanted, activity, servingRollout, rolling, replicas, hosts, deleteTime]);
