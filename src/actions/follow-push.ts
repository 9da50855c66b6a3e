import { createHash } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import type { JobId } from '../domain/ids.ts';
import { takeGitPush, type GitPush } from '../store/git-pushes.ts';
import { noteDelivery } from '../store/git-hooks.ts';
import { findInstance } from '../store/instances.ts';
import { findOpenUserJob } from '../store/jobs.ts';
import { findRelease } from '../store/releases.ts';
import type { Caller, Services } from './caller.ts';
import { changeInstance } from './change-instance.ts';
import { mayDeploy } from './push-maker.ts';

/** Another node, or a later push, was faster. */
class Taken extends Error {}

/**
 * Opens a change of an instance to what its branch is now, as the maker of the hook. Undefined where nothing was
 * opened: a job is open, and the push waits for its end; or the push is void.
 */
export async function followPush(services: Services, push: GitPush): Promise<JobId | undefined> {
  const { store } = services;
  if (await findOpenUserJob(store.read, push.instance)) return undefined;
  const instance = await findInstance(store.read, push.instance, { project: push.project });
  const isVoid = !instance || instance.wanted !== 'running' || !(await mayDeploy(store.read, push));
  if (isVoid) {
    await store.write((tx) => takeGitPush(tx, push));
    return undefined;
  }
  const release = await findRelease(store.read, instance.servingRelease ?? instance.requestedRelease);
  if (!release) throw new Error(`Instance ${instance.id} names a release that is not stored.`);
  const { application, component, id } = instance;
  try {
    const opened = await changeInstance(
      services,
      callerOf(push),
      { application, component, instance: id },
      { label: release.content.label },
      async (tx) => {
        if (!(await takeGitPush(tx, push))) throw new Taken();
        return { push: { hook: push.hook, branch: push.branch } };
      },
    );
    return opened.job;
  } catch (error) {
    if (error instanceof Taken) return undefined;
    if (!(error instanceof Problem) || error.code === 'instanceBusy' || error.code === 'unavailable') {
      if (error instanceof Problem && error.code === 'instanceBusy') return undefined;
      throw error;
    }
    // There is room for it when another update has ended.
    if (error.code === 'quotaExceeded' && error.isPassing) return undefined;
    // It would be refused the next time too.
    await endPush(services, push, error.message);
    throw error;
  }
}

/** After too many faults of the platform itself: the push is over, and its hook tells why. */
export function giveUpPush(services: Services, push: GitPush, cause: unknown): Promise<void> {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\p{Cc}/gu, ' ');
  return endPush(
    services,
    push,
    `The platform failed each time it tried (${reason.slice(0, 300)}). Push again, or deploy the instance by hand.`,
  );
}

async function endPush(services: Services, push: GitPush, reason: string): Promise<void> {
  const text = `Instance ${push.instance} could not follow the push to ${push.branch}: ${reason}`;
  await services.store.write(async (tx) => {
    if (!(await takeGitPush(tx, push))) return;
    await noteDelivery(tx, { project: push.project, id: push.hook }, { time: services.now(), text });
  });
}

const callerOf = (push: GitPush): Caller => ({
  project: push.project,
  user: push.user,
  userName: push.userName,
  // Nothing is answered to anybody.
  mayReadValues: false,
  requestId: push.request,
  requestHash: createHash('sha256')
    .update(JSON.stringify(['push', push.instance, push.number, push.sha, push.receiveTime]))
    .digest('hex'),
});
