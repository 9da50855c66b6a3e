import { projectId, type DomainId, type ProjectId, type UserId } from '../domain/ids.ts';
import { roleNames, type Grant, type RoleName } from '../domain/permission.ts';
import type { Db, Tx } from './open.ts';
import { oneOf } from './rows.ts';

/** Where a role counts: in one project, or in every one of a domain. */
export type RoleScope = { readonly project: ProjectId } | { readonly domain: DomainId };

const columnsOf = (scope: RoleScope) =>
  'project' in scope
    ? { scope_kind: 'project', scope_id: scope.project }
    : { scope_kind: 'domain', scope_id: scope.domain };

/** A role that the user has already stays as it is. */
export async function grantRole(
  tx: Tx,
  user: UserId,
  scope: RoleScope,
  role: RoleName,
  time: number,
): Promise<void> {
  await tx
    .insertInto('role_assignments')
    .values({ user_id: user, ...columnsOf(scope), role, create_time: time })
    .onConflict((on) => on.columns(['user_id', 'scope_kind', 'scope_id', 'role']).doNothing())
    .execute();
}

/** Whether there was one to take away. */
export async function revokeRole(tx: Tx, user: UserId, scope: RoleScope, role: RoleName): Promise<boolean> {
  const { scope_kind, scope_id } = columnsOf(scope);
  const { numDeletedRows } = await tx
    .deleteFrom('role_assignments')
    .where('user_id', '=', user)
    .where('scope_kind', '=', scope_kind)
    .where('scope_id', '=', scope_id)
    .where('role', '=', role)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** All that a user has, wherever. A user belongs to one domain, so a domain's role needs no name of it. */
export async function listGrants(db: Db, user: UserId): Promise<readonly Grant[]> {
  const rows = await db
    .selectFrom('role_assignments')
    .select(['scope_kind', 'scope_id', 'role'])
    .where('user_id', '=', user)
    .orderBy('role')
    .orderBy('scope_id')
    .execute();
  return rows.map(({ scope_kind, scope_id, role }) => ({
    role: oneOf(roleNames, role, 'role_assignments.role'),
    ...(scope_kind === 'project' && { project: projectId(scope_id) }),
  }));
}

/** Users of a domain that have the role in the whole of it. */
export async function countDomainHolders(db: Db, domain: DomainId, role: RoleName): Promise<number> {
  const { count } = await db
    .selectFrom('role_assignments')
    .innerJoin('users', 'users.id', 'role_assignments.user_id')
    .where('scope_kind', '=', 'domain')
    .where('scope_id', '=', domain)
    .where('role', '=', role)
    .where('enabled', '=', 1)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}
