import type { ProjectId } from './ids.ts';

/** Names as tokens and Keystone's calls tell them. */
export const roleNames = ['te_admin', 'svcstg_developer', 'svcstg_reader', 'svcstg_deployer'] as const;
export type RoleName = (typeof roleNames)[number];

/** A role that a user has, in one project or, where none is named, in the whole domain. */
export interface Grant {
  readonly role: RoleName;
  readonly project?: ProjectId;
}
