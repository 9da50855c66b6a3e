import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../actions/caller.ts';
import { Problem } from '../domain/errors.ts';
import { projectId, type ProjectId } from '../domain/ids.ts';
import type { Authenticator, Session } from '../iam/authenticate.ts';

/** Who is behind a request; kept beside it, so that no handler can read it before it was proven. */
const sessions = new WeakMap<FastifyRequest, Session>();

export function tokenOf(
  request: FastifyRequest,
  name: 'x-auth-token' | 'x-subject-token' = 'x-auth-token',
): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Refuses requests without a good token. */
export const requireSession = (authenticator: Authenticator) => async (request: FastifyRequest) => {
  sessions.set(request, await authenticator.authenticate(tokenOf(request)));
};

/** Refuses, beside that, paths of any project but the token's own, whether such a project exists or not. */
export const requireProject = (authenticator: Authenticator) => async (request: FastifyRequest) => {
  const session = await authenticator.authenticate(tokenOf(request));
  if (session.project === undefined || session.project !== pathProject(request)) {
    throw new Problem(
      'forbidden',
      session.project === undefined
        ? 'The IAM user is not authorized to access the API: the token has no project; ask for one with a project as scope.'
        : "The IAM user is not authorized to access the API: the address names another project than the token's.",
    );
  }
  sessions.set(request, session);
};

function pathProject(request: FastifyRequest): ProjectId | undefined {
  const { params } = request;
  if (typeof params !== 'object' || params === null || !('project_id' in params)) return undefined;
  return typeof params.project_id === 'string' ? projectId(params.project_id) : undefined;
}

export function sessionOf(request: FastifyRequest): Session {
  const session = sessions.get(request);
  if (!session)
    throw new Error(`The route ${request.routeOptions.url ?? ''} asks who calls without having proven it.`);
  return session;
}

/** The caller as actions want to know it; only below a path that names a project. */
export function callerOf(request: FastifyRequest): Caller & { readonly project: ProjectId } {
  const { user, userName, project } = sessionOf(request);
  if (project === undefined) throw new Error(`The route ${request.routeOptions.url ?? ''} has no project.`);
  return {
    user,
    userName,
    project,
    requestId: request.id,
    // Only requests that open jobs are known by it.
    get requestHash() {
      return requestHash(request, user, project);
    },
  };
}

function requestHash(request: FastifyRequest, user: string, project: string): string {
  const parts = [
    user,
    project,
    request.method,
    request.url,
    request.routeOptions.config.isStreamed === true ? '' : canonical(request.body),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** JSON text in which the order of members says nothing. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, member: unknown) => {
      if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
      return Object.fromEntries(
        Object.entries(member).toSorted(([left], [right]) => (left < right ? -1 : 1)),
      );
    }) ?? ''
  );
}
