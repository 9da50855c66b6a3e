import type { Repository } from '../builds/git.ts';
import { checkedAddresses, machineAddresses, resolveHost, type Purpose } from '../connections/destination.ts';
import type { ProjectId } from '../domain/ids.ts';
import { repositoryUrl, type CodeSource } from '../domain/repository.ts';
import { findCloneCredential } from '../git/clone-credential.ts';
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
  parts: Pick<Parts, 'git' | 'fetchAllow' | 'sources'>,
  project: ProjectId,
  source: CodeSource,
): Promise<Repository> {
  const url = repositoryUrl(source.repoUrl, 'source.spec.repo_url');
  const { auth } = source;
  const credential =
    auth === undefined
      ? undefined
      : await findCloneCredential(parts.git, { project, name: auth, repoUrl: source.repoUrl });
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
