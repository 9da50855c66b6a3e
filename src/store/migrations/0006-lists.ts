import type { Migration } from './migration.ts';

/** So that a page of a list costs the same among many rows as among few. */
export const lists: Migration = {
  name: '0006-lists',
  isExpanding: true,
  statements: ({ text }) => [
    // Counted beside applications.component_count, which leaves these out.
    `create index components_deleting on components (application_id) where deleting = 1`,
    // The label of the release that is shown: of what serves, else of what was asked for.
    `alter table instances add column label ${text} not null default ''`,
    `update instances set label = coalesce((
      select releases.label from releases
      where releases.id = coalesce(instances.serving_release_id, instances.requested_release_id)
    ), '')`,
    `create index instances_by_label on instances (project_id, component_id, label, id) where delete_time is null`,
  ],
};
