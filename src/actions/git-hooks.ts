import { seal } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { repositoryKey } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import { withHost } from '../git/authorized.ts';
import type { GitHost, Hook, Repository } from '../git/git-host.ts';
import type { GitParts } from '../git/parts.ts';
import type { GitAuthorization } from '../store/git-authorizations.ts';
import {
  deleteGitHook,
  deleteGitHookAtHost,
  nameGitHook,
  putGitHook,
  type GitHook,
} from '../store/git-hooks.ts';
import type { Caller } from './caller.ts';
import { mayDeploy } from './push-maker.ts';

export interface HookRequest {
  /** Name of the authorization that opens the host. */
  readonly authorization: string;
  readonly repository: Repository;
}

/** It is all that keeps strangers from having things built. */
const SECRET_LEAST = 16;
const OWN_ID = /^[A-Za-z0-9_.-]{1,63}$/;

/** The address goes to the host as it was sent. One of this platform's own is kept beside, with its secret sealed. */
export async function createHook(
  parts: GitParts,
  caller: Caller,
  {
    authorization: name,
    repository,
    url,
    secret,
  }: HookRequest & { readonly url: string; readonly secret: string },
): Promise<{ readonly hook: Hook; readonly type: string }> {
  const id = ownHookId(url, caller.project);
  return withHost(parts, { project: caller.project, name }, async (host, authorization) => {
    const type = authorization.repoType;
    if (id === undefined) return { hook: await host.createHook(repository, { url, secret }), type };
    assertSecret(secret);
    if (!(await mayDeploy(parts.store.read, caller))) {
      throw new Problem(
        'forbidden',
        'The IAM user is not authorized to access the API: a hook that leads to this platform upgrades instances as its maker, who lacks the permission servicestage:app:deploy in this project; ask an administrator for a role that has it.',
      );
    }
    const own = await describe(parts, caller, { id, repository, secret }, { host, authorization });
    // Kept first: a host announces the hook itself before it answers.
    if (!(await parts.store.write((tx) => putGitHook(tx, own)))) throw idTaken(id);
    try {
      const hook = await host.createHook(repository, { url, secret });
      await parts.store.write((tx) => nameGitHook(tx, own, hook.id));
      return { hook, type };
    } catch (error) {
      await parts.store.write((tx) => deleteGitHook(tx, own));
      throw error;
    }
  });
}

export async function removeHook(
  parts: GitParts,
  caller: Caller,
  { authorization: name, repository, id }: HookRequest & { readonly id: string },
): Promise<void> {
  const { project } = caller;
  await withHost(parts, { project, name }, async (host, authorization) => {
    const forget = () =>
      parts.store.write((tx) => deleteGitHookAtHost(tx, { project, host: authorization.host, remoteId: id }));
    try {
      await host.deleteHook(repository, id);
    } catch (error) {
      if (error instanceof Problem && error.code === 'gitUnknown') await forget();
      throw error;
    }
    await forget();
  });
}

/** The name that a receiving address of this platform ends with; undefined where it is another's. */
function ownHookId(url: string, project: ProjectId): string | undefined {
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  const prefix = `/v1/${project}/git/push/`;
  if (!path.startsWith(prefix)) return undefined;
  const id = path.slice(prefix.length);
  if (OWN_ID.test(id)) return id;
  throw new Problem(
    'gitInvalid',
    `url ends with "${id.slice(0, 63)}"; expected a name of your choice there, of 1-63 letters, digits, _, . or -.`,
  );
}

function assertSecret(secret: string): void {
  if (secret.length >= SECRET_LEAST) return;
  throw new Problem(
    'gitInvalid',
    `secret has ${secret.length} characters; a hook that leads to this platform needs at least ${SECRET_LEAST}, since whoever knows it can have instances upgraded.`,
  );
}

async function describe(
  parts: GitParts,
  caller: Caller,
  asked: { readonly id: string; readonly repository: Repository; readonly secret: string },
  { host, authorization }: { readonly host: GitHost; readonly authorization: GitAuthorization },
): Promise<Omit<GitHook, 'remoteId' | 'deliveryTime' | 'delivery'>> {
  const found = await host.project(asked.repository);
  const path = `${found.namespace.name}/${found.project.name}`;
  // A host behind a fence may call itself otherwise than the platform calls it.
  const keys = [found.cloneUrl, `${authorization.host}/${path}`].map(repositoryKey);
  return {
    project: caller.project,
    id: asked.id,
    api: authorization.api,
    host: authorization.host,
    path,
    repositories: [...new Set(keys.filter((key) => key !== undefined))],
    secret: seal(parts.key, asked.secret, parts.newNonce()),
    user: caller.user,
    userName: caller.userName,
    createTime: parts.now(),
  };
}

const idTaken = (id: string) =>
  new Problem(
    'gitNameTaken',
    `A hook "${id}" leads here from another repository already; end url with another name.`,
  );
