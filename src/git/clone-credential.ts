import type { Key } from '../domain/envelope.ts';
import { Problem } from '../domain/errors.ts';
import { cloneCredential, repositoryPath, type CloneCredential } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import { findGitAuthorization, unsealCredential } from '../store/git-authorizations.ts';
import type { Db } from '../store/open.ts';

export interface CloneRequest {
  readonly project: ProjectId;
  /** The authorization's name. */
  readonly name: string;
  readonly repoUrl: string;
}

/**
 * What git is given to clone a repository. A Problem of code `gitAuthInvalid` where there is no such authorization,
 * or where the repository lies elsewhere than on the very host that it was made for.
 */
export async function findCloneCredential(
  { read, key }: { readonly read: Db; readonly key: Key },
  { project, name, repoUrl }: CloneRequest,
): Promise<CloneCredential> {
  const found = await findGitAuthorization(read, project, name);
  if (!found) {
    throw new Problem(
      'gitAuthInvalid',
      `The git authorization "${name}" does not exist in this project; create it, or name one of GET git/auths.`,
    );
  }
  if (repositoryPath(found.host, repoUrl) === undefined) {
    throw new Problem(
      'gitAuthInvalid',
      `repo_url does not lie on ${found.host}, the only host that the git authorization "${name}" is good for; ` +
        'name a repository there, or the authorization of the other host.',
    );
  }
  return cloneCredential(found.api, found.userName, unsealCredential(key, found));
}
