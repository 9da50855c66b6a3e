import { seal } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { authorizationStatus, type Credential } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import {
  findGitAuthorization,
  unsealCredential,
  updateGitAuthorization,
  type GitAuthorization,
} from '../store/git-authorizations.ts';
import type { GitHost } from './git-host.ts';
import { refreshed } from './oauth.ts';
import { openHost } from './open-host.ts';
import type { GitParts } from './parts.ts';

/** A token is renewed this long before it ends. */
const EARLY_MS = 60_000;

/** Tokens that are being renewed here: refresh tokens are good for one use. */
const renewals = new WeakMap<GitParts['store'], Map<string, Promise<Credential>>>();

/** Opens the host of an authorization for some work, and keeps what was seen of its credential. */
export async function withHost<T>(
  parts: GitParts,
  { project, name }: { readonly project: ProjectId; readonly name: string },
  work: (host: GitHost, authorization: GitAuthorization) => Promise<T>,
): Promise<T> {
  const authorization = await authorizationOf(parts, project, name);
  const credential = await freshCredential(parts, authorization);
  const { api, host, userName } = authorization;
  try {
    const done = await work(openHost(parts.reach, { api, host, userName, credential }), authorization);
    await note(parts, authorization, authorizationStatus.normal);
    return done;
  } catch (error) {
    if (error instanceof Problem && error.code === 'gitAuthInvalid')
      await note(parts, authorization, authorizationStatus.unauthenticated);
    throw error;
  }
}

export async function authorizationOf(
  { store }: Pick<GitParts, 'store'>,
  project: ProjectId,
  name: string,
): Promise<GitAuthorization> {
  const found = await findGitAuthorization(store.read, project, name);
  if (found) return found;
  throw new Problem(
    'gitAuthInvalid',
    `The git authorization ${JSON.stringify(name.slice(0, 63))} does not exist in this project; create it, or name one of GET git/auths.`,
  );
}

/** In the clear, renewed where it is about to end. */
export async function freshCredential(parts: GitParts, authorization: GitAuthorization): Promise<Credential> {
  const credential = unsealCredential(parts.key, authorization);
  if (credential.kind !== 'oauth' || credential.expireTime === undefined) return credential;
  if (credential.expireTime - EARLY_MS > parts.now()) return credential;
  const running = renewals.get(parts.store) ?? new Map<string, Promise<Credential>>();
  renewals.set(parts.store, running);
  const id = JSON.stringify([authorization.project, authorization.name]);
  const renewal =
    running.get(id) ?? renew(parts, authorization, credential).finally(() => running.delete(id));
  running.set(id, renewal);
  return renewal;
}

async function renew(
  parts: GitParts,
  authorization: GitAuthorization,
  { refreshToken }: Extract<Credential, { kind: 'oauth' }>,
): Promise<Credential> {
  const { api, host, project, name } = authorization;
  const app = parts.hosts[authorization.repoType]?.app;
  const now = parts.now();
  const renewed =
    refreshToken !== undefined && app !== undefined
      ? await refreshed(parts.reach, { api, host, app }, { refreshToken, now })
      : undefined;
  if (renewed) {
    // A host may keep the refresh token that it gave first.
    const kept = { ...(refreshToken !== undefined && { refreshToken }), ...renewed };
    const secret = seal(parts.key, JSON.stringify(kept), parts.newNonce());
    const changes = { secret, status: authorizationStatus.normal, updateTime: now };
    await parts.store.write((tx) => updateGitAuthorization(tx, project, name, changes));
    return kept;
  }
  // Another node may have been faster.
  const current = await authorizationOf(parts, project, name);
  const stored = unsealCredential(parts.key, current);
  if (stored.kind === 'oauth' && stored.refreshToken !== refreshToken) return stored;
  await note(parts, current, authorizationStatus.overdue);
  throw new Problem(
    'gitAuthInvalid',
    `The consent behind the git authorization "${name}" has ended and ${host} does not renew it; delete the authorization and consent again.`,
  );
}

async function note(parts: GitParts, authorization: GitAuthorization, status: number): Promise<void> {
  if (authorization.status === status) return;
  const { project, name } = authorization;
  await parts.store.write((tx) =>
    updateGitAuthorization(tx, project, name, { status, updateTime: parts.now() }),
  );
}
