import { Problem } from '../domain/errors.ts';
import type { ApplicationId, ComponentId, InstanceId } from '../domain/ids.ts';
import type { Activity } from '../domain/instance.ts';
import type { Plan } from '../domain/job.ts';
import { taskNamesOf, type Kind } from '../jobs/kind.ts';
import { openJob } from '../jobs/open-job.ts';
import { holdComponent } from '../store/components.ts';
import { findApplication } from '../store/applications.ts';
import { lockInstance, updateInstance, type Instance } from '../store/instances.ts';
import { findOpenJobByRequest, findOpenUserJob } from '../store/jobs.ts';
import type { Tx } from '../store/open.ts';
import type { Parts } from '../tasks/parts.ts';
import { admit } from './admission.ts';
import type { Accepted, Caller, Services } from './caller.ts';

export interface InstanceScope {
  readonly application: ApplicationId;
  readonly component: ComponentId;
  readonly instance: InstanceId;
}

/** What an action decided: the job to open, and what the instance shows meanwhile. */
export interface Opening {
  readonly kind: Kind<Parts>;
  readonly activity: Activity;
  readonly plan?: Partial<Plan>;
}

/**
 * Opens a job on an instance in one transaction. The same request repeated while its job is open gets the same ids;
 * any other one is refused as long as a job is open.
 */
export async function acceptJob(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  decide: (tx: Tx, instance: Instance) => Promise<Opening>,
): Promise<Accepted> {
  const accepted = await services.store.write(async (tx) => {
    const repeated = await repeatedRequest(tx, caller);
    if (repeated) return repeated;
    const instance = await instanceInScope(tx, caller, scope);
    const open = await findOpenUserJob(tx, instance.id);
    // The same request at the same time may have been faster to the lock.
    if (open?.requestHash === caller.requestHash) return { instance: instance.id, job: open.id };
    if (open) {
      throw new Problem(
        'instanceBusy',
        `Instance ${instance.id} is being changed by job ${open.id} (${open.kind}); wait until it ends, then repeat the request.`,
      );
    }
    return openFor(services, tx, caller, instance, await decide(tx, instance));
  });
  services.wake();
  return accepted;
}

export async function repeatedRequest(tx: Tx, caller: Caller): Promise<Accepted | undefined> {
  const job = await findOpenJobByRequest(tx, caller.project, caller.requestHash);
  return job && { instance: job.instance, job: job.id };
}

/** An instance is looked up inside its parents: one of another component is not found. */
export async function instanceInScope(tx: Tx, caller: Caller, scope: InstanceScope): Promise<Instance> {
  await componentInScope(tx, caller, scope);
  const instance = await lockInstance(tx, scope.instance, {
    project: caller.project,
    component: scope.component,
  });
  if (!instance) {
    throw new Problem(
      'instanceUnknown',
      `Instance ${scope.instance} does not exist in component ${scope.component}; list its instances to see those that do.`,
    );
  }
  return instance;
}

export async function componentInScope(
  tx: Tx,
  caller: Caller,
  scope: Pick<InstanceScope, 'application' | 'component'>,
) {
  const application = await findApplication(tx, caller.project, scope.application);
  if (!application) {
    throw new Problem(
      'applicationUnknown',
      `Application ${scope.application} does not exist in this project; list the applications to see those that do.`,
    );
  }
  const component = await holdComponent(tx, caller.project, scope.application, scope.component);
  if (!component || component.isDeleting) {
    throw new Problem(
      'componentUnknown',
      `Component ${scope.component} does not exist in application ${scope.application}; list its components to see those that do.`,
    );
  }
  return { application, component };
}

/** Writes the job and marks the instance; the one place where a user's job comes into being. */
export async function openFor(
  services: Services,
  tx: Tx,
  caller: Caller,
  instance: Instance,
  opening: Opening,
): Promise<Accepted> {
  const now = services.now();
  const plan = { ...planOf(instance), ...opening.plan };
  if (services.admission) await admit(services.admission, tx, instance, { activity: opening.activity, plan });
  const id = await openJob(tx, {
    kind: opening.kind.name,
    taskNames: taskNamesOf(opening.kind),
    ids: services.jobIds,
    plan,
    project: instance.project,
    instance: instance.id,
    createdBy: caller.user,
    requestHash: caller.requestHash,
    now,
  });
  await updateInstance(tx, instance.id, { activity: opening.activity, lastJob: id, updateTime: now });
  return { instance: instance.id, job: id };
}

/** Where a job starts from, unless its action says otherwise. */
export function planOf(instance: Instance): Plan {
  return {
    instance: instance.id,
    project: instance.project,
    ...(instance.servingRollout !== undefined && { previousRollout: instance.servingRollout }),
    replicas: instance.replicas,
    previousReplicas: instance.replicas,
  };
}
