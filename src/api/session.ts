import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../actions/caller.ts';
import { Problem } from '../domain/errors.ts';
import { projectId, type ProjectId } from '../domain/ids.ts';
import { isAllowed, rolesIn, type Permission } from '../domain/permission.ts';
import type { HomeOfProjects } from '../iam/home-of-projects.ts';
import type { Session } from '../iam/session.ts';
import { sourceOf, type Source } from '../iam/source.ts';

/** Who is behind a request; kept beside it, so that no handler can read it before it was proven. */
const sessions = new WeakMap<FastifyRequest, { readonly session: Session; readonly project?: ProjectId }>();

export function tokenOf(
  request: FastifyRequest,
  name: 'x-auth-token' | 'x-subject-token' = 'x-auth-token',
): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Lets a request pass if its route's permission is given to the caller, in the project that the address names or in the domain. */
export const admission =
  (homes: HomeOfProjects) =>
  async (request: FastifyRequest, session: Session): Promise<void> => {
    const { permission } = request.routeOptions.config;
    const named = pathProject(request);
    if (named !== undefined) {
      assertOneProject(request, session, named);
      // Nobody learns whether a project exists that is not theirs.
      const isTheirs =
        (await homes.find(named)) === session.domain && rolesIn(session.grants, named).length > 0;
      if (!isTheirs) throw forbidden(NOT_YOURS);
    }
    if (permission === undefined || permission === 'public')
      throw new Error(`${request.routeOptions.url} asks for no permission.`);
    if (permission !== 'own' && !isAllowed(session.grants, permission, named))
      throw missing(permission, named);
    if (session.isTemporary === true && outlastsKeys(request)) throw forbidden(TOO_LASTING);
    sessions.set(request, { session, ...(named !== undefined && { project: named }) });
  };

const missing = (permission: Permission, project: ProjectId | undefined) =>
  forbidden(
    `the permission ${permission} is missing ${project === undefined ? 'in the domain' : 'in this project'}; ask an administrator for a role that has it.`,
  );

/** Users, keys, passwords and roles: whoever has a temporary key for a while must not have something for good by it. */
function outlastsKeys({ method, routeOptions: { config } }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || config.endsWithKey === true) return false;
  return config.permission === 'own' || config.permission?.startsWith('iam:') === true;
}

const TOO_LASTING =
  'a temporary key, and a token that was got by one, changes no users, keys, passwords, roles or projects, which would outlast it; sign with a permanent key, or send a token that was got by a password.';

const NOT_YOURS =
  'the address names a project that the caller may not use; list those that it may (GET /v3/auth/projects).';

function assertOneProject(request: FastifyRequest, session: Session, named: ProjectId): void {
  const header = request.headers['x-project-id'];
  if (header !== undefined && header !== '' && header !== named) {
    throw forbidden('the header X-Project-Id and the address name two projects; name one.');
  }
  if (session.project === named) return;
  if (session.project !== undefined) throw forbidden(NOT_YOURS);
  if (session.access === undefined) {
    throw forbidden('the token has no project; ask for one with a project as scope.');
  }
}

const forbidden = (reason: string) =>
  new Problem('forbidden', `The IAM user is not authorized to access the API: ${reason}`);

function pathProject(request: FastifyRequest): ProjectId | undefined {
  const { params } = request;
  if (typeof params !== 'object' || params === null || !('project_id' in params)) return undefined;
  return typeof params.project_id === 'string' ? projectId(params.project_id) : undefined;
}

/** Where it comes from; the connection tells more than an address that a proxy wrote down. */
export const sourceIn = ({ ip, socket }: FastifyRequest): Source =>
  sourceOf(ip, () => {
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    if (remoteAddress !== ip || remotePort === undefined) return undefined;
    if (localAddress === undefined || localPort === undefined) return undefined;
    return { address: remoteAddress, port: remotePort, ownAddress: localAddress, ownPort: localPort };
  });

/** Who is behind it, where that was proven. */
export const identifiedBy = (request: FastifyRequest) => sessions.get(request);

export function sessionOf(request: FastifyRequest): Session {
  return admitted(request).session;
}

function admitted(request: FastifyRequest) {
  const found = sessions.get(request);
  if (!found)
    throw new Error(`The route ${request.routeOptions.url ?? ''} asks who calls without having proven it.`);
  return found;
}

/** The caller as actions want to know it; only below a path that names a project. */
export function callerOf(request: FastifyRequest): Caller & { readonly project: ProjectId } {
  const { session, project } = admitted(request);
  const { user, userName } = session;
  if (project === undefined) throw new Error(`The route ${request.routeOptions.url ?? ''} has no project.`);
  return {
    user,
    userName,
    project,
    mayReadValues: isAllowed(session.grants, 'servicestage:app:getValue', project),
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
