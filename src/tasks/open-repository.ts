import type { Repository } from '../builds/git.ts';
import { checkedAddresses, machineAddresses, resolveHost, type Purpose } from '../connections/destination.ts';
import { Problem } from '../domain/errors.ts';
import { cloneCredential, repositoryPath } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import { repositoryUrl, type CodeSource } from '../domain/repository.ts';
import { findGitAuthorization, unsealCredential } from '../store/git-authorizations.ts';
import type { Parts } from './parts.ts';

const repositories: Purpose = {
  code: 'artifactUnavailable',
  whose: "The repository's",
  never: 'Code is not fetched from',
  instead: 'Name another repository, or let',
  withoutUser: 'take it out, and name a git authorization in repo_auth',
};

/** A repository with the addresses that it may be reached at, and with what opens it. */
export async function openRepository(
  parts: Pick<Parts, 'store' | 'key' | 'fetchAllow' | 'sources'>,
  project: ProjectId,
  source: CodeSource,
): Promise<Repository> {
  const url = repositoryUrl(source.repoUrl, 'source.spec.repo_url');
  const credential = await credentialOf(parts, project, source);
  const found = await checkedAddresses(url, {
    allow: parts.fetchAllow,
    resolve: resolveHost,
    own: machineAddresses(),
    purpose: repositories,
  });
  const { caFile } = parts.sources.settings;
  return {
    url: url.href,
    addresses: found.map(({ address }) => address),
    ...(credential && { credential }),
    ...(caFile !== undefined && { caFile }),
  };
}

async function credentialOf(
  { store, key }: Pick<Parts, 'store' | 'key'>,
  project: ProjectId,
  { auth, repoUrl }: CodeSource,
): Promise<Repository['credential']> {
  if (auth === undefined) return undefined;
  const found = await findGitAuthorization(store.read, project, auth);
  if (!found) {
    throw new Problem(
      'artifactUnavailable',
      `The git authorization "${auth}" is no longer there; make it again, or name another in source.spec.repo_auth of the component.`,
    );
  }
  // A credential goes to the host that it was made for: whoever names a repository might name his own server.
  if (repositoryPath(found.host, repoUrl) === undefined) {
    throw new Problem(
      'addressForbidden',
      `The git authorization "${auth}" opens ${found.host}, where ${repoUrl} does not lie; name one that was made for its host.`,
    );
  }
  return cloneCredential(found.api, found.userName, unsealCredential(key, found));
}
