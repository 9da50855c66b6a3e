import { Problem } from '../domain/errors.ts';
import { hostName } from '../domain/host-name.ts';
import {
  instanceId,
  releaseId,
  type ApplicationId,
  type ComponentId,
  type InstanceId,
} from '../domain/ids.ts';
import type { CreateRequest } from '../domain/request.ts';
import type { Kind } from '../jobs/kind.ts';
import { holdEnvironment } from '../store/environments.ts';
import { UniqueViolation } from '../store/faults.ts';
import { findHostOwner } from '../store/host-claims.ts';
import { isHostNameTaken, nextUid } from '../store/instance-claims.ts';
import { findInstance, insertInstance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { insertRelease } from '../store/releases.ts';
import { unique } from '../store/tables.ts';
import { awaitHealthy } from '../tasks/await-healthy.ts';
import { buildRelease } from '../tasks/build-release.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { provisionReplicas } from '../tasks/provision-replicas.ts';
import { resolveArtifact } from '../tasks/resolve-artifact.ts';
import { confirmHealthy, switchTraffic } from '../tasks/switch-traffic.ts';
import { componentInScope, openFor, repeatedRequest } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { claimHosts } from './claim-hosts.ts';
import { nextRollout } from './next-rollout.ts';
import { assertSourceExists } from './assert-source.ts';
import { planRelease } from './plan-release.ts';
import { planPlacement } from './plan-placement.ts';
import { settled } from './settle.ts';
import { surroundingsOf } from './surroundings.ts';

export const createInstanceKind: Kind<Parts> = {
  name: 'create-instance',
  tasks: [
    checkTarget,
    resolveArtifact,
    buildRelease,
    provisionReplicas,
    awaitHealthy,
    confirmHealthy,
    switchTraffic,
  ],
  ...settled,
};

/** Writes instance, release, rollout and job in one transaction and answers their ids. */
export async function createInstance(
  services: Services,
  caller: Caller,
  scope: { readonly application: ApplicationId; readonly component: ComponentId },
  request: CreateRequest,
): Promise<Accepted> {
  const accepted = await named(request.name, () => write(services, caller, scope, request));
  services.wake();
  return accepted;
}

function write(
  services: Services,
  caller: Caller,
  scope: { readonly application: ApplicationId; readonly component: ComponentId },
  request: CreateRequest,
): Promise<Accepted> {
  return services.store.write(async (tx) => {
    const repeated = await repeatedRequest(tx, caller);
    if (repeated) return repeated;
    const { application, component } = await componentInScope(tx, caller, scope);
    if (component.isDeleting) {
      throw new Problem(
        'invalid',
        `Component ${component.id} is being deleted; create the instance in another one.`,
      );
    }
    const environment = await holdEnvironment(tx, caller.project, request.environment);
    if (!environment) {
      throw new Problem(
        'environmentUnknown',
        `environment_id ${request.environment} does not exist in this project; list the environments to see those that do.`,
      );
    }
    const placement = await planPlacement(tx, environment, request.referResources);
    const surroundings = await surroundingsOf(tx, component, request.environment);
    const content = planRelease(services, request, { ...surroundings, name: request.name });
    await assertSourceExists(tx, caller.project, content.source);
    const id = instanceId(services.newId());
    const release = releaseId(services.newId());
    const now = services.now();
    await insertInstance(tx, {
      id,
      project: caller.project,
      application: application.id,
      component: component.id,
      environment: request.environment,
      name: request.name,
      ...(request.description !== undefined && { description: request.description }),
      platformType: placement.platformType,
      driver: services.driverOf(placement.target),
      target: placement.target,
      hostName: await freeHostName(tx, request.name, application.name, id),
      wanted: 'running',
      replicas: request.replicas,
      ...(placement.hosts && { hosts: placement.hosts }),
      ...(services.appUsers && {
        uid: await nextUid(tx, { from: services.appUsers.low, to: services.appUsers.high }),
      }),
      requestedRelease: release,
      hasOwnArtifacts: request.artifacts !== undefined,
      creator: caller.userName,
      createTime: now,
    });
    const instance = await findInstance(tx, id);
    if (!instance) throw new Error(`Instance ${id} was written and cannot be read in the same transaction.`);
    await insertRelease(tx, {
      id: release,
      instance: id,
      project: caller.project,
      content,
      replicas: request.replicas,
      createTime: now,
    });
    await claimHosts(tx, instance, content);
    const plan = await nextRollout(tx, instance, release, now);
    return openFor(services, tx, caller, instance, { kind: createInstanceKind, activity: 'creating', plan });
  });
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.instanceName) throw error;
    throw new Problem(
      'nameTaken',
      `An instance named "${name}" exists in this environment already; choose another name.`,
      {},
      { cause: error },
    );
  }
}

/** Computed once; where another instance has that name already, six characters of the id tell them apart. */
async function freeHostName(tx: Tx, instance: string, application: string, id: InstanceId): Promise<string> {
  const plain = hostName(instance, application);
  const isTaken = (await isHostNameTaken(tx, plain)) || (await findHostOwner(tx, plain)) !== undefined;
  return isTaken ? hostName(instance, application, id.slice(0, 6)) : plain;
}
