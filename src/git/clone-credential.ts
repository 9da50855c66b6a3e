import { Problem } from '../domain/errors.ts';
import { cloneCredential, repositoryPath, type CloneCredential } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import { authorizationOf, freshCredential } from './authorized.ts';
import type { GitParts } from './parts.ts';

export interface CloneRequest {
  readonly project: ProjectId;
  /** The authorization's name. */
  readonly name: string;
  readonly repoUrl: string;
}

/**
 * What git is given to clone a repository. A Problem of code `gitAuthInvalid` where there is no such authorization,
 * where the repository lies elsewhere than on the very host that it was made for, or where its consent has ended.
 */
export async function findCloneCredential(
  parts: GitParts,
  { project, name, repoUrl }: CloneRequest,
): Promise<CloneCredential> {
  const found = await authorizationOf(parts, project, name);
  if (repositoryPath(found.host, repoUrl) === undefined) {
    throw new Problem(
      'gitAuthInvalid',
      `repo_url does not lie on ${found.host}, the only host that the git authorization "${name}" is good for; ` +
        'name a repository there, or the authorization of the other host.',
    );
  }
  return cloneCredential(found.api, found.userName, await freshCredential(parts, found));
}
