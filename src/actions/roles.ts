import { Problem } from '../domain/errors.ts';
import type { ProjectId, UserId } from '../domain/ids.ts';
import type { RoleName } from '../domain/permission.ts';
import type { Session } from '../iam/session.ts';
import type { Db } from '../store/open.ts';
import { grantRole, listGrants, revokeRole, type RoleScope } from '../store/role-assignments.ts';
import type { Services } from './caller.ts';
import { assertAdministered } from './identity-rules.ts';
import { projectOf } from './projects.ts';
import { userOf } from './users.ts';

/** In one project, or where none is named in the whole domain. */
export interface Assignment {
  readonly user: UserId;
  readonly project?: ProjectId;
}

async function scopeOf(db: Db, session: Session, { user, project }: Assignment): Promise<RoleScope> {
  await userOf(db, session, user);
  if (project === undefined) return { domain: session.domain };
  return { project: (await projectOf(db, session, project)).id };
}

export async function giveRole(
  services: Services,
  session: Session,
  assignment: Assignment,
  role: RoleName,
): Promise<void> {
  await services.store.write(async (tx) => {
    const scope = await scopeOf(tx, session, assignment);
    await grantRole(tx, assignment.user, scope, role, services.now());
  });
}

export async function takeRole(
  services: Services,
  session: Session,
  assignment: Assignment,
  role: RoleName,
): Promise<void> {
  await services.store.write(async (tx) => {
    const scope = await scopeOf(tx, session, assignment);
    if (!(await revokeRole(tx, assignment.user, scope, role))) throw notGiven(assignment, role);
    await assertAdministered(tx, session);
  });
}

/** Those given in that very place: a role of the domain is not listed as one of a project, although it counts there. */
export async function rolesGiven(
  db: Db,
  session: Session,
  assignment: Assignment,
): Promise<readonly RoleName[]> {
  await scopeOf(db, session, assignment);
  const grants = await listGrants(db, assignment.user);
  return grants.filter(({ project }) => project === assignment.project).map(({ role }) => role);
}

export const notGiven = ({ user, project }: Assignment, role: RoleName) =>
  new Problem(
    'identityUnknown',
    `User ${user} does not have the role ${role} in ${project === undefined ? 'the domain' : `project ${project}`}.`,
  );
