import type { Migration } from './migration.ts';

/**
 * How far a rolling update in batches is, beside what serves; and the variables that an environment's resources gave
 * to a rollout when it began (sealed), so that all its replicas ever get the same.
 */
export const configuration: Migration = {
  name: '0005-configuration',
  isExpanding: true,
  statements: ({ text, whole }) => [
    `alter table instances add column rolling_rollout ${whole}`,
    `alter table instances add column rolling_ready ${whole}`,
    `alter table instances add column rolling_kept ${whole}`,
    `alter table rollouts add column env_json ${text}`,
  ],
};
