import type { ProjectId } from './ids.ts';

/**
 * What a caller may be allowed to do, in the words of the original's policies (contract, v2.md section 1 and iam.md).
 * `app:deploy`, `app:getValue`, `app:getLog` and `package:*` are Openstage's own: parts of what the original's
 * `app:modify` and `app:get` allow, so that a role can have the one without the other.
 */
const service = [
  'servicestage:app:list',
  'servicestage:app:get',
  'servicestage:app:create',
  'servicestage:app:modify',
  'servicestage:app:delete',
  'servicestage:app:deploy',
  'servicestage:app:getValue',
  'servicestage:app:getLog',
  'servicestage:environment:list',
  'servicestage:environment:get',
  'servicestage:environment:create',
  'servicestage:environment:modify',
  'servicestage:environment:delete',
  'servicestage:repositoryAuth:list',
  'servicestage:repositoryAuth:get',
  'servicestage:repositoryAuth:create',
  'servicestage:repositoryAuth:modify',
  'servicestage:repositoryAuth:delete',
  'servicestage:package:list',
  'servicestage:package:get',
  'servicestage:package:create',
  'servicestage:package:delete',
] as const;

const identity = [
  'iam:projects:createProject',
  'iam:users:listUsers',
  'iam:users:getUser',
  'iam:users:createUser',
  'iam:users:updateUser',
  'iam:users:deleteUser',
  'iam:credentials:listCredentials',
  'iam:credentials:getCredential',
  'iam:credentials:createCredential',
  'iam:credentials:updateCredential',
  'iam:credentials:deleteCredential',
  'iam:permissions:listRolesForUser',
  'iam:permissions:grantRoleToUser',
  'iam:permissions:revokeRoleFromUser',
] as const;

export type ServicePermission = (typeof service)[number];
export type IdentityPermission = (typeof identity)[number];
export type Permission = ServicePermission | IdentityPermission;

/** Names as tokens and Keystone's calls tell them. */
export const roleNames = ['te_admin', 'svcstg_developer', 'svcstg_reader', 'svcstg_deployer'] as const;
export type RoleName = (typeof roleNames)[number];

const only = (...endings: readonly string[]) =>
  service.filter((permission) => endings.some((ending) => permission.endsWith(ending)));

/** What each role allows. Only full access reaches the identity calls that concern others. */
export const roles: Readonly<
  Record<RoleName, { readonly about: string; readonly allows: readonly Permission[] }>
> = {
  te_admin: { about: 'Full access, users and roles included', allows: [...service, ...identity] },
  svcstg_developer: { about: 'Everything within projects', allows: service },
  svcstg_reader: {
    about: 'Reads everything within projects and changes nothing',
    allows: only(':list', ':get', ':getValue', ':getLog'),
  },
  svcstg_deployer: {
    about: "Deploys, reads logs and jobs, and does not see variables' values",
    allows: [
      ...only('app:list', 'app:get', 'app:getLog', 'app:deploy', 'environment:list', 'environment:get'),
      ...only('package:list', 'package:get', 'package:create'),
    ],
  },
};

/** A role that a user has, in one project or, where none is named, in the whole domain. */
export interface Grant {
  readonly role: RoleName;
  readonly project?: ProjectId;
}

/** Without a project it is asked for the domain, where only roles of the whole domain count. */
export function isAllowed(
  grants: readonly Grant[],
  permission: Permission,
  project: ProjectId | undefined,
): boolean {
  return rolesIn(grants, project).some((role) => roles[role].allows.includes(permission));
}

/** The grants as they count in one project, and nowhere else. */
export const grantsWithin = (grants: readonly Grant[], project: ProjectId): readonly Grant[] =>
  rolesIn(grants, project).map((role) => ({ role, project }));

/** The roles that count in a project, or in the domain. */
export function rolesIn(grants: readonly Grant[], project: ProjectId | undefined): readonly RoleName[] {
  const counting = grants.filter((grant) => grant.project === undefined || grant.project === project);
  return roleNames.filter((name) => counting.some(({ role }) => role === name));
}
