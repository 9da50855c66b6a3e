import { Problem } from '../domain/errors.ts';
import { projectId, type ProjectId, type UserId } from '../domain/ids.ts';
import { rolesIn, type Grant } from '../domain/permission.ts';
import type { Session } from '../iam/session.ts';
import { UniqueViolation } from '../store/faults.ts';
import type { Db } from '../store/open.ts';
import { findProject, insertProject, listProjects, type Project } from '../store/projects.ts';
import { listGrants } from '../store/role-assignments.ts';
import { unique } from '../store/tables.ts';
import type { Services } from './caller.ts';
import { assertOwnOr } from './identity-rules.ts';
import { userOf } from './users.ts';

const unknown = (id: ProjectId) =>
  new Problem('identityUnknown', `Could not find project: ${id}; list the projects to see those there are.`);

/** Those that a user may use, by whatever role; the oldest first. */
async function usable(db: Db, { domain }: Session, grants: readonly Grant[]): Promise<readonly Project[]> {
  const all = await listProjects(db, domain);
  return all.filter(({ id }) => rolesIn(grants, id).length > 0);
}

export const projectsOf = (db: Db, session: Session): Promise<readonly Project[]> =>
  usable(db, session, session.grants);

export async function projectsOfUser(db: Db, session: Session, id: UserId): Promise<readonly Project[]> {
  assertOwnOr('iam:users:getUser', session, id);
  const user = await userOf(db, session, id);
  return usable(db, session, await listGrants(db, user.id));
}

/** One that the caller may not use is as unknown as one that does not exist. */
export async function projectOf(db: Db, session: Session, id: ProjectId): Promise<Project> {
  const found = await findProject(db, id);
  if (!found || found.domain !== session.domain || rolesIn(session.grants, id).length === 0) {
    throw unknown(id);
  }
  return found;
}

export async function createProject(
  services: Services,
  { domain }: Session,
  { name, description }: { readonly name: string; readonly description?: string },
): Promise<Project> {
  const project = {
    id: projectId(services.newId().replaceAll('-', '')),
    domain,
    name,
    createTime: services.now(),
    ...(description !== undefined && { description }),
  };
  try {
    await services.store.write((tx) => insertProject(tx, project));
    return project;
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== unique.projectName) throw error;
    throw new Problem(
      'identityTaken',
      `A project named "${name}" exists in this domain already; choose another name.`,
      {},
      { cause: error },
    );
  }
}
