import { randomJobIds } from '../jobs/open-job.ts';
import { openJob } from '../jobs/open-job.ts';
import { taskNamesOf, type Kind } from '../jobs/kind.ts';
import { preempt } from '../store/job-progress.ts';
import { markInstanceDeleted, updateInstance, type Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { deleteReservation } from '../store/reservations.ts';
import { deleteReplicasOfInstance } from '../store/replicas.ts';
import { listUnretiredRollouts } from '../store/rollouts.ts';
import type { Parts } from '../tasks/parts.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { Problem } from '../domain/errors.ts';
import { instanceInScope, openFor, repeatedRequest, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { cleanUpInstanceKind } from './repair-instance.ts';
import { settled } from './settle.ts';

export const deleteInstanceKind: Kind<Parts> = {
  name: 'delete-instance',
  tasks: [retireReplicas],
  async succeeded(tx, job) {
    await deleteReplicasOfInstance(tx, job.instance);
    await markInstanceDeleted(tx, job.instance, Date.now());
    await deleteReservation(tx, job.instance);
    // Only a forced deletion gets here while something may still run on a target that could not be reached.
    if ((await listUnretiredRollouts(tx, job.instance)).length === 0) return;
    // It is not to give up as well: what it cannot do now is opened again once the target is seen again.
    const { force: _, ...plan } = job.plan;
    await openJob(tx, {
      kind: cleanUpInstanceKind.name,
      taskNames: taskNamesOf(cleanUpInstanceKind),
      ids: randomJobIds,
      plan,
      project: job.project,
      instance: job.instance,
      createdBy: job.createdBy,
      now: Date.now(),
    });
  },
  failed: settled.failed,
};

/** Takes the place of whatever job is open on the instance. */
export async function deleteInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  options: { readonly force: boolean },
): Promise<Accepted> {
  const accepted = await services.store.write(async (tx) => {
    const repeated = await repeatedRequest(tx, caller);
    if (repeated) return repeated;
    const instance = await instanceInScope(tx, caller, scope);
    // Again behind the lock, where the same request at the same time may have been faster: this one would end its job.
    return (await repeatedRequest(tx, caller)) ?? openDeletion(services, tx, caller, instance, options);
  });
  services.wake();
  return accepted;
}

/** In the caller's transaction; wake the engine once that is committed. */
export async function openDeletion(
  services: Services,
  tx: Tx,
  caller: Caller,
  instance: Instance,
  { force }: { readonly force: boolean },
): Promise<Accepted> {
  const problem = new Problem(
    'preempted',
    `Instance ${instance.id} was deleted by ${caller.userName} while this job was open.`,
  );
  await preempt(tx, instance.id, problem, { now: services.now() });
  await updateInstance(tx, instance.id, { wanted: 'deleted' });
  return openFor(services, tx, caller, instance, {
    kind: deleteInstanceKind,
    activity: 'deleting',
    plan: { replicas: 0, ...(force && { force }) },
  });
}
