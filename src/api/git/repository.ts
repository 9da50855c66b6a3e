import type { FastifyRequest } from 'fastify';
import { Problem } from '../../domain/errors.ts';
import { withHost } from '../../git/authorized.ts';
import type { GitHost, Repository } from '../../git/git-host.ts';
import type { GitParts } from '../../git/parts.ts';
import type { GitAuthorization } from '../../store/git-authorizations.ts';
import { callerOf } from '../session.ts';
import { textOf } from '../v2/paging.ts';

/** In addresses of this API "/" is written ":" (contract, section 11.2); "%2F" is taken too. */
export const withSlashes = (text: string): string => text.replaceAll(':', '/');

export const repositoryIn = (params: {
  readonly namespace: string;
  readonly project: string;
}): Repository => ({ namespace: withSlashes(params.namespace), project: withSlashes(params.project) });

/** Opens the host whose authorization the header names. */
export function withHostOf<T>(
  git: GitParts,
  request: FastifyRequest,
  work: (host: GitHost, authorization: GitAuthorization) => Promise<T>,
): Promise<T> {
  return withHost(git, { project: callerOf(request).project, name: authNameOf(request) }, work);
}

export function authNameOf(request: FastifyRequest): string {
  const name = request.headers['x-repo-auth'];
  if (typeof name === 'string' && name.trim() !== '') return name.trim();
  throw new Problem(
    'gitAuthMissing',
    'The header X-Repo-Auth is missing; expected the name of an authorization out of GET git/auths.',
  );
}

export function requiredQuery(query: Readonly<Record<string, unknown>>, name: string): string {
  const text = textOf(query, name)?.trim() ?? '';
  if (text !== '') return text;
  throw new Problem(
    'gitInvalid',
    `Query "${name}" is missing; expected ${name === 'ref' ? 'a branch, a tag or a commit' : 'a value'}.`,
  );
}
