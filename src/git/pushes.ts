import type { HostApi } from '../domain/git.ts';
import { at, textAt } from './answer.ts';
import type { Delivery } from './signatures.ts';

export interface Push {
  readonly branch: string;
  /** What its head is now, as the host tells. */
  readonly sha: string;
}

export interface Announced {
  /** Of branches; deleted ones and tags are left out. */
  readonly pushes: readonly Push[];
  readonly defaultBranch?: string;
}

const events: Readonly<
  Record<Exclude<HostApi, 'devcloud'>, { readonly header: string; readonly push: string }>
> = {
  github: { header: 'x-github-event', push: 'push' },
  gitea: { header: 'x-gitea-event', push: 'push' },
  gitlab: { header: 'x-gitlab-event', push: 'Push Hook' },
  gitee: { header: 'x-gitee-event', push: 'Push Hook' },
  bitbucket: { header: 'x-event-key', push: 'repo:push' },
};

/** Of one delivery; a host splits what is more. */
const MOST_PUSHES = 100;
const SHA = /^[0-9a-f]{7,64}$/i;
const NOTHING = /^0+$/;

/** What a delivery announces; nothing where it is no push: a ping, a tag, a branch that was deleted. */
export function announcedBy(api: HostApi, headers: Delivery['headers'], body: unknown): Announced {
  if (api === 'devcloud') return { pushes: [] };
  const { header, push } = events[api];
  // Forgejo tells its events by a name of its own too.
  const event = headers[header] ?? (api === 'gitea' ? headers['x-forgejo-event'] : undefined);
  if (event !== push) return { pushes: [] };
  const found = api === 'bitbucket' ? changesIn(body) : [refIn(body)];
  const pushes = found.filter(
    (one): one is Push => one !== undefined && SHA.test(one.sha) && !NOTHING.test(one.sha),
  );
  const defaultBranch =
    textAt(body, 'repository', 'default_branch') ||
    textAt(body, 'project', 'default_branch') ||
    textAt(body, 'repository', 'mainbranch', 'name');
  return { pushes: pushes.slice(0, MOST_PUSHES), ...(defaultBranch !== '' && { defaultBranch }) };
}

function refIn(body: unknown): Push | undefined {
  const branch = /^refs\/heads\/(.+)$/.exec(textAt(body, 'ref'))?.[1];
  return branch === undefined ? undefined : { branch, sha: textAt(body, 'after') };
}

function changesIn(body: unknown): readonly (Push | undefined)[] {
  const changes = at(body, 'push', 'changes');
  if (!Array.isArray(changes)) return [];
  return changes.map((change) =>
    textAt(change, 'new', 'type') === 'branch'
      ? { branch: textAt(change, 'new', 'name'), sha: textAt(change, 'new', 'target', 'hash') }
      : undefined,
  );
}
