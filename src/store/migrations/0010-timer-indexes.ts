import type { Migration } from './migration.ts';

/** For what the platform asks again and again by itself: its cost must not grow with the number of rows. */
export const timerIndexes: Migration = {
  name: '0010-timer-indexes',
  isExpanding: true,
  statements: () => [
    `create index instances_last_job on instances (last_job_id) where last_job_id is not null`,
    // A row of instances that is removed takes these along.
    `create index release_hosts_of_instance on release_hosts (instance_id)`,
    `create index releases_digest on releases (digest) where digest is not null`,
    `create index releases_build on releases (build_key) where build_key is not null`,
  ],
};
