import type { Migration } from './migration.ts';

/** What instances are promised of cores and memory: asked for, or running. */
export const reservations: Migration = {
  name: '0011-reservations',
  isExpanding: true,
  statements: ({ text, whole, tableEnd }) => [
    `create table reservations (
      instance_id ${text} not null primary key references instances (id) on delete cascade,
      project_id ${text} not null,
      cpu_millis ${whole} not null,
      memory_bytes ${whole} not null
    ) ${tableEnd}`,
    `create index reservations_project on reservations (project_id)`,
  ],
};
