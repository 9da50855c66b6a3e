import type { Migration } from './all.ts';

/** A host at the ingress belongs to its first claimant over all projects; a release remembers what its package was called. */
export const hostClaims: Migration = {
  name: '0002-host-claims-and-file-names',
  statements: ({ text, whole, tableEnd }) => [
    `create table host_claims (
      host ${text} not null primary key,
      instance_id ${text} not null references instances (id) on delete cascade,
      project_id ${text} not null,
      serving ${whole} not null
    ) ${tableEnd}`,
    `create index host_claims_of_instance on host_claims (instance_id)`,
    `alter table releases add column file_name ${text}`,
  ],
};
