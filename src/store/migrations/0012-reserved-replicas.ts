import type { Migration } from './migration.ts';

/** How many replicas are promised disk and log, and what an update takes beside what it replaces until it ends. */
export const reservedReplicas: Migration = {
  name: '0012-reserved-replicas',
  isExpanding: true,
  statements: ({ whole }) => [
    ...['replicas', 'surge_cpu_millis', 'surge_memory_bytes'].map(
      (column) => `alter table reservations add column ${column} ${whole} not null default 0`,
    ),
    `update reservations set replicas =
      (select instances.replicas from instances where instances.id = reservations.instance_id)`,
    `create index releases_digests on releases (project_id, digest) where digest is not null`,
  ],
};
