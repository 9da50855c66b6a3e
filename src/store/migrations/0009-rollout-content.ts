import type { Migration } from './migration.ts';

/** What a driver is given for a rollout is kept with it. Rows from before get theirs when it is first asked for. */
export const rolloutContent: Migration = {
  name: '0009-rollout-content',
  isExpanding: true,
  statements: () => ['alter table rollouts add column content_json text'],
};
