import type { Migration, Words } from './migration.ts';

/** Releases that were built from code, and what their builds printed. */
export const builds: Migration = {
  name: '0004-builds',
  isExpanding: true,
  statements: ({ text, whole, tableEnd }: Words) => [
    `alter table releases add column source_commit ${text}`,
    `alter table releases add column source_key ${text}`,
    `create index releases_source_key on releases (project_id, source_key) where source_key is not null`,
    `create table job_logs (
      job_id ${text} not null primary key references jobs (id) on delete cascade,
      project_id ${text} not null,
      content ${text} not null,
      last_lines ${text} not null,
      update_time ${whole} not null
    ) ${tableEnd}`,
  ],
};
