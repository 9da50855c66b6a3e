import { Problem } from '../domain/errors.ts';
import { repositoryPath } from '../domain/git.ts';
import type { ProjectId } from '../domain/ids.ts';
import { packageAddress } from '../domain/package-address.ts';
import { isCode, type Source } from '../domain/release.ts';
import type { CodeSource } from '../domain/repository.ts';
import { findGitAuthorization } from '../store/git-authorizations.ts';
import type { Db, Tx } from '../store/open.ts';
import { findPackage } from '../store/packages.ts';

/** What the records tell is refused at the request: a package of our own, or an authorization, that is not there. */
export async function assertSourceExists(tx: Tx, project: ProjectId, source: Source): Promise<void> {
  if (isCode(source)) return assertAuthorized(tx, project, source);
  const { url } = source;
  const address = packageAddress(url, project);
  if (address && !(await findPackage(tx, project, address))) {
    throw new Problem(
      'noArtifact',
      `The package ${address.name}/${address.version}/${address.file} is not in the repository; upload it with PUT to ${url} first.`,
    );
  }
}

/** A credential goes only to the host that it was made for. */
export async function assertAuthorized(
  tx: Db,
  project: ProjectId,
  { auth, repoUrl }: Pick<CodeSource, 'auth' | 'repoUrl'>,
): Promise<void> {
  if (auth === undefined) return;
  const found = await findGitAuthorization(tx, project, auth);
  if (!found) {
    throw new Problem(
      'invalid',
      `The git authorization "${auth}" that source.spec.repo_auth names does not exist in this project; make it first, or leave repo_auth out for a public repository.`,
    );
  }
  if (repositoryPath(found.host, repoUrl) !== undefined) return;
  throw new Problem(
    'invalid',
    `The git authorization "${auth}" opens ${found.host}, where source.spec.repo_url ${repoUrl} does not lie; name one that was made for its host.`,
  );
}
