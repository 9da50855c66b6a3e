import { unseal } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { repositoryKey } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import type { GitParts } from '../git/parts.ts';
import { announcedBy, type Announced } from '../git/pushes.ts';
import { isGenuine, type Delivery } from '../git/signatures.ts';
import { listCodeComponents, type CodeComponent } from '../store/code-components.ts';
import { findGitHook, noteDelivery, type GitHook } from '../store/git-hooks.ts';
import { putGitPush } from '../store/git-pushes.ts';
import { listInstancesOfComponents } from '../store/instance-lists.ts';
import type { Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { mayDeploy } from './push-maker.ts';

export interface PushDelivery extends Delivery {
  readonly project: ProjectId;
  readonly hook: string;
  readonly requestId: string;
}

/** A component whose source names no branch is built from this one, or else from the repository's default. */
const DEFAULT_BRANCH = 'master';

/** Of a project; whoever has more pushes to fewer branches. */
const MOST_INSTANCES = 1000;

/** 404 where there is no such hook; before a body is read. */
export async function hookOf(
  { store: { read } }: GitParts,
  { project, hook: id }: Pick<PushDelivery, 'project' | 'hook'>,
): Promise<GitHook> {
  const hook = await findGitHook(read, project, id);
  if (hook) return hook;
  throw new Problem(
    'gitUnknown',
    'No hook leads here; create it with POST git/repos/{namespace}/{project}/hooks.',
  );
}

/**
 * Writes down, for each instance that is built from the pushed branch, that it is to follow; in one transaction, so
 * that nothing is lost once the host has its answer. Answers how many there are.
 */
export async function receivePush(parts: GitParts, delivery: PushDelivery): Promise<number> {
  const hook = await hookOf(parts, delivery);
  const now = parts.now();
  if (!isGenuine(hook.api, delivery, { secret: unseal(parts.key, hook.secret), now })) {
    throw new Problem(
      'unauthenticated',
      'The delivery is not signed with the secret of the hook; create the hook anew, or correct its secret at the host.',
    );
  }
  const announced = announcedBy(hook.api, delivery.headers, parsed(delivery.body));
  if (announced.pushes.length === 0) return 0;
  await assertMakerMay(parts, hook);
  return parts.store.write(async (tx) => {
    const followers = await followersOf(tx, hook, announced);
    for (const { instance, push } of followers) {
      await putGitPush(tx, {
        instance: instance.id,
        project: hook.project,
        hook: hook.id,
        user: hook.user,
        userName: hook.userName,
        request: delivery.requestId,
        branch: push.branch,
        sha: push.sha,
        receiveTime: now,
      });
    }
    const branches = announced.pushes.map(({ branch }) => branch).join(', ');
    const text = `A push to ${branches.slice(0, 200)}; ${followers.length === 1 ? '1 instance follows' : `${followers.length} instances follow`}.`;
    await noteDelivery(tx, hook, { time: now, text });
    return followers.length;
  });
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Problem(
      'malformedRequest',
      'The delivery is not JSON; let the host send application/json.',
      {},
      { cause: error },
    );
  }
}

async function assertMakerMay({ store, now }: GitParts, hook: GitHook): Promise<void> {
  if (await mayDeploy(store.read, hook)) return;
  const text = `Nothing follows: ${hook.userName}, who made the hook, may not change instances any more; create it anew.`;
  await store.write((tx) => noteDelivery(tx, hook, { time: now(), text }));
  throw new Problem('forbidden', text);
}

interface Follower {
  readonly instance: Instance;
  readonly push: Announced['pushes'][number];
}

async function followersOf(
  tx: Tx,
  hook: GitHook,
  { pushes, defaultBranch }: Announced,
): Promise<readonly Follower[]> {
  const name = hook.path.split('/').at(-1) ?? '';
  const components = await listCodeComponents(tx, hook.project, name);
  const pushOf = ({ repoRef }: CodeComponent) => {
    const branch = repoRef?.replace(/^refs\/heads\//, '');
    return pushes.findLast((push) =>
      branch === undefined
        ? push.branch === DEFAULT_BRANCH || push.branch === defaultBranch
        : push.branch === branch,
    );
  };
  const matching = components.flatMap((component) => {
    const key = repositoryKey(component.repoUrl);
    const push = key !== undefined && hook.repositories.includes(key) ? pushOf(component) : undefined;
    return push ? [{ component: component.id, push }] : [];
  });
  const instances = await listInstancesOfComponents(
    tx,
    hook.project,
    matching.map(({ component }) => component),
  );
  return matching
    .flatMap(({ component, push }) =>
      (instances.get(component) ?? []).filter(follows).map((instance) => ({ instance, push })),
    )
    .slice(0, MOST_INSTANCES);
}

/** What was stopped stays so, and an artifact of an instance's own is not the component's. */
const follows = ({ wanted, activity, hasOwnArtifacts }: Instance) =>
  wanted === 'running' && activity !== 'deleting' && !hasOwnArtifacts;
