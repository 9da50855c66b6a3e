import { Problem } from '../domain/errors.ts';
import { releaseId } from '../domain/ids.ts';
import { refusal } from '../domain/instance.ts';
import type { Job, Plan } from '../domain/job.ts';
import type { ReleaseContent } from '../domain/release.ts';
import type { ChangeRequest } from '../domain/request.ts';
import type { Kind } from '../jobs/kind.ts';
import { holdEnvironment } from '../store/environments.ts';
import { noteDelivery } from '../store/git-hooks.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { findRelease, insertRelease } from '../store/releases.ts';
import { awaitHealthy } from '../tasks/await-healthy.ts';
import { buildRelease } from '../tasks/build-release.ts';
import { checkTarget } from '../tasks/check-target.ts';
import type { Parts } from '../tasks/parts.ts';
import { provisionReplicas } from '../tasks/provision-replicas.ts';
import { resolveArtifact } from '../tasks/resolve-artifact.ts';
import { makeRoom } from '../tasks/make-room.ts';
import { rollBatches } from '../tasks/roll-batches.ts';
import { retireReplicas } from '../tasks/retire-replicas.ts';
import { confirmHealthy, switchTraffic } from '../tasks/switch-traffic.ts';
import { acceptJob, componentInScope, type InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { claimHosts } from './claim-hosts.ts';
import { nextRollout } from './next-rollout.ts';
import { assertSourceExists } from './assert-source.ts';
import { isSameContent, planRelease } from './plan-release.ts';
import { planPlacement, type Placement } from './plan-placement.ts';
import { settled } from './settle.ts';
import { surroundingsOf } from './surroundings.ts';

/** Nothing that serves is touched before the new replicas have shown that they are healthy. */
export const changeInstanceKind: Kind<Parts> = {
  name: 'change-instance',
  tasks: [
    checkTarget,
    resolveArtifact,
    buildRelease,
    makeRoom,
    rollBatches,
    provisionReplicas,
    awaitHealthy,
    confirmHealthy,
    switchTraffic,
    retireReplicas,
  ],
  succeeded: settled.succeeded,
  async failed(tx, job, problem, isUndone) {
    await settled.failed(tx, job, problem, isUndone);
    await tellHook(tx, job, problem);
  },
};

/** Nobody waits for the job of a push: whoever wonders asks the hook. */
async function tellHook(tx: Tx, { id, instance, project, plan: { push } }: Job, problem: Problem) {
  if (!push) return;
  const text = `Instance ${instance} could not follow the push to ${push.branch}: job ${id} failed: ${problem.message}`;
  await noteDelivery(tx, { project, id: push.hook }, { text });
}

/** A description is stored without touching replicas. */
export const describeInstanceKind: Kind<Parts> = { name: 'describe-instance', tasks: [], ...settled };

export async function changeInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  request: ChangeRequest,
  /** Done in the same transaction, or not at all; answers what the job is to know besides. */
  alongside?: (tx: Tx) => Promise<Pick<Plan, 'push'>>,
): Promise<Accepted> {
  return acceptJob(services, caller, scope, async (tx, instance) => {
    const besides = await alongside?.(tx);
    const refused = refusal('change', instance.wanted, instance.replicas);
    if (refused) throw new Problem('invalid', refused);
    assertUnchanged(instance, request);
    const { component } = await componentInScope(tx, caller, scope);
    const current = await currentContent(tx, instance);
    const surroundings = await surroundingsOf(tx, component, instance.environment);
    const base = instance.hasOwnArtifacts ? current : withoutArtifacts(current);
    const content = planRelease(services, request, { ...surroundings, name: instance.name }, base);
    const description = request.description === undefined ? {} : { description: request.description };
    if (isDescriptionAlone(services, instance, request, content, current)) {
      return { kind: describeInstanceKind, activity: 'changing', plan: description };
    }
    const placement = await placementOf(tx, instance, content);
    await assertSourceExists(tx, caller.project, content.source);
    await claimHosts(tx, instance, content);
    const release = releaseId(services.newId());
    const replicas = request.replicas ?? instance.replicas;
    const now = services.now();
    await insertRelease(tx, {
      id: release,
      instance: instance.id,
      project: caller.project,
      content,
      replicas,
      createTime: now,
    });
    if (request.artifacts) await updateInstance(tx, instance.id, { hasOwnArtifacts: true });
    const next = await nextRollout(tx, instance, release, now);
    const hosts = request.referResources && placement.hosts ? { hosts: placement.hosts } : {};
    return {
      kind: changeInstanceKind,
      activity: 'changing',
      plan: { ...next, replicas, ...hosts, ...description, ...besides },
    };
  });
}

function assertUnchanged(instance: Instance, { name, environment }: ChangeRequest): void {
  if (name !== undefined && name !== instance.name) {
    throw new Problem(
      'invalid',
      `name is "${name}" but the instance is called "${instance.name}", which cannot be changed; leave name out.`,
    );
  }
  if (environment !== undefined && environment !== instance.environment) {
    throw new Problem(
      'invalid',
      `environment_id is ${environment} but the instance is in ${instance.environment}, which cannot be changed; leave environment_id out.`,
    );
  }
}

/** An instance stays where it was created: its replicas there are what a failed change falls back on. */
async function placementOf(tx: Tx, instance: Instance, content: ReleaseContent): Promise<Placement> {
  const environment = await holdEnvironment(tx, instance.project, instance.environment);
  if (!environment)
    throw new Error(
      `Instance ${instance.id} is in environment ${instance.environment}, which is not stored.`,
    );
  const placement = await planPlacement(tx, environment, content.referResources);
  const { target } = placement;
  if (target.type !== instance.target.type || target.id !== instance.target.id) {
    throw new Problem(
      'invalid',
      `refer_resources moves the instance from ${instance.target.type} ${instance.target.id} to ${target.type} ${target.id}; ` +
        'expected the same: to move it, create an instance there and delete this one.',
    );
  }
  return placement;
}

/** What serves, or what was asked for where nothing has served yet. */
async function currentContent(tx: Tx, instance: Instance): Promise<ReleaseContent> {
  const release = await findRelease(tx, instance.servingRelease ?? instance.requestedRelease);
  if (!release) throw new Error(`Instance ${instance.id} names a release that is not stored.`);
  return release.content;
}

function withoutArtifacts({ artifacts: _, ...content }: ReleaseContent): ReleaseContent {
  return content;
}

function isDescriptionAlone(
  services: Services,
  instance: Instance,
  request: ChangeRequest,
  content: ReleaseContent,
  current: ReleaseContent,
): boolean {
  const isOther = request.description !== undefined && request.description !== (instance.description ?? '');
  const isServing = instance.servingRelease !== undefined && instance.wanted === 'running';
  const sameCount = request.replicas === undefined || request.replicas === instance.replicas;
  return isOther && isServing && sameCount && isSameContent(services, content, current);
}
