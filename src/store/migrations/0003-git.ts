import type { Migration, Words } from './migration.ts';

/** Git hosts: what opens them, consents under way, and pushes that are announced. */
export const git: Migration = {
  name: '0003-git',
  isExpanding: true,
  statements: ({ text, whole, tableEnd }: Words) => [
    `create table git_authorizations (
      project_id ${text} not null,
      name ${text} not null,
      repo_type ${text} not null,
      api ${text} not null,
      host ${text} not null,
      home ${text} not null,
      user_name ${text} not null,
      avatar ${text} not null,
      token_type ${text} not null,
      tag ${text},
      secret_json ${text} not null,
      status ${whole} not null,
      creator ${text} not null,
      create_time ${whole} not null,
      update_time ${whole} not null,
      primary key (project_id, name)
    ) ${tableEnd}`,
    `create table git_consents (
      state_hash ${text} not null primary key,
      project_id ${text} not null,
      user_id ${text} not null,
      repo_type ${text} not null,
      tag ${text},
      expire_time ${whole} not null
    ) ${tableEnd}`,
    `create index git_consents_expire_time on git_consents (expire_time)`,
    `create table git_hooks (
      project_id ${text} not null,
      id ${text} not null,
      api ${text} not null,
      repositories_json ${text} not null,
      secret_json ${text} not null,
      host ${text} not null,
      path ${text} not null,
      remote_id ${text},
      user_id ${text} not null,
      user_name ${text} not null,
      create_time ${whole} not null,
      delivery_time ${whole},
      delivery ${text},
      primary key (project_id, id)
    ) ${tableEnd}`,
    `create index git_hooks_repository on git_hooks (project_id, host, path)`,
    `create table git_pushes (
      instance_id ${text} not null primary key,
      project_id ${text} not null,
      hook_id ${text} not null,
      user_id ${text} not null,
      user_name ${text} not null,
      request_id ${text} not null,
      branch ${text} not null,
      sha ${text} not null,
      number ${whole} not null,
      receive_time ${whole} not null
    ) ${tableEnd}`,
    `create index git_pushes_receive_time on git_pushes (receive_time, instance_id)`,
  ],
};
