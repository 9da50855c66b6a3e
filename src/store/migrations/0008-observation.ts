import type { Migration } from './migration.ts';

/**
 * Which look at a target an instance's observation is from, so that no older one replaces it; the rollout that serves
 * but takes no traffic while its replicas are replaced; and indexes for what is collected.
 */
export const observation: Migration = {
  name: '0008-observation',
  isExpanding: true,
  statements: ({ whole }) => [
    `alter table instances add column look ${whole} not null default 0`,
    `alter table instances add column out_of_service_rollout ${whole}`,
    `create index jobs_internal on jobs (instance_id, create_time, id) where internal = 1`,
    `create index rollouts_retired on rollouts (retire_time, instance_id, number) where retire_time is not null`,
    `create index releases_dropped on releases (create_time, id) where kept = 0`,
  ],
};
