import { mkdir } from 'node:fs/promises';
import { Problem } from '../domain/errors.ts';
import { git, type GitPlace, type Repository } from './git.ts';

export interface Resolved {
  /** Lower-case hex. */
  readonly commit: string;
  /** How it was found: "refs/heads/main", "HEAD"; absent for a commit that was named itself. */
  readonly name?: string;
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;
/** Asking for names is quick, or something is wrong. */
const NAMES_WITHIN_MS = 60_000;

/** The commit that a branch, tag or commit id means now. Proves too that the repository opens. */
export async function resolveRef(
  repository: Repository,
  ref: string | undefined,
  place: GitPlace,
): Promise<Resolved> {
  const named = namesFor(ref);
  const patterns = named.flatMap((name) => [name, `${name}^{}`]);
  const limits = { ...place.limits, timeMs: NAMES_WITHIN_MS };
  const listed = await git(['ls-remote', '--', repository.url, ...patterns], repository, {
    ...place,
    limits,
  });
  if (ref !== undefined && COMMIT.test(ref)) return { commit: ref.toLowerCase() };
  const known = new Map(
    listed.split('\n').flatMap((line) => {
      const [commit, name] = line.split('\t');
      return commit && name ? [[name, commit] as const] : [];
    }),
  );
  for (const name of named) {
    const commit = known.get(`${name}^{}`) ?? known.get(name);
    if (commit !== undefined && COMMIT.test(commit)) return { commit, name };
  }
  throw new Problem(
    'artifactUnavailable',
    ref === undefined
      ? `The repository ${repository.url} has no commit yet; push one, then deploy again.`
      : `The repository ${repository.url} has no branch or tag "${ref}"; correct source.spec.repo_ref of the component. A commit is named by its whole id.`,
  );
}

function namesFor(ref: string | undefined): readonly string[] {
  if (ref === undefined) return ['refs/heads/master', 'HEAD'];
  if (COMMIT.test(ref)) return ['HEAD'];
  return ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

/** Puts one commit's files, and as little of its history as the server allows, into an empty directory. */
export async function checkOut(
  repository: Repository,
  { commit, name }: Resolved,
  tree: string,
  place: GitPlace,
): Promise<void> {
  await mkdir(tree);
  const run = (...args: readonly string[]) => git(args, repository, place, tree);
  await run('init', '--quiet');
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head'];
  try {
    await run(...fetch, '--depth=1', '--', repository.url, commit);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // Some servers give branches and tags only, or no part of a history.
    await run(...fetch, '--', repository.url, '+refs/heads/*:refs/remotes/all/*', '+refs/tags/*:refs/tags/*');
  }
  try {
    await run('checkout', '--quiet', '--detach', commit, '--');
  } catch (error) {
    if (
      !(error instanceof Problem) ||
      !/reference is not a tree|unable to read tree|bad object/.test(said(error))
    )
      throw error;
    throw new Problem(
      'artifactUnavailable',
      `The repository ${repository.url} has no commit ${commit}${name === undefined ? '' : ` (${name})`} on any branch or tag; correct source.spec.repo_ref of the component.`,
    );
  }
  await refuseLargeFiles(await run('ls-files', ':(attr:filter=lfs)'));
  const submodules = (await run('ls-files', '--stage'))
    .split('\n')
    .filter((line) => line.startsWith('160000 '));
  for (const line of submodules)
    place.log.line(`The submodule ${line.split('\t')[1] ?? ''} is not fetched; its directory is empty.`);
}

const said = (error: Problem): string => `${error.message} ${error.evidence.log?.join(' ') ?? ''}`;

const isRefusal = (error: unknown): boolean =>
  error instanceof Problem &&
  /not our ref|unadvertised object|does not allow request|does not support shallow|dumb http|couldn't find remote ref/i.test(
    said(error),
  );

async function refuseLargeFiles(listed: string): Promise<void> {
  const [first] = listed.split('\n').filter((line) => line !== '');
  if (first === undefined) return;
  throw new Problem(
    'buildFailed',
    `The repository keeps files outside of git (Git LFS), such as ${first}, which are not fetched; put them into the repository, or let the build fetch them.`,
  );
}
