import type { Migration } from './migration.ts';

/** Access keys, roles, and what users, projects, tokens and the audit tell beside what they told before. */
export const access: Migration = {
  name: '0002-access',
  // A version that knows no roles would let everybody do everything.
  isExpanding: false,
  statements: ({ text, whole, tableEnd }) => [
    `create table access_keys (
      access ${text} not null primary key,
      user_id ${text} not null references users (id) on delete cascade,
      secret_json ${text} not null,
      description ${text} not null,
      active ${whole} not null,
      create_time ${whole} not null,
      last_use_time ${whole}
    ) ${tableEnd}`,
    `create index access_keys_user on access_keys (user_id)`,
    `create table temporary_keys (
      access ${text} not null primary key,
      user_id ${text} not null references users (id) on delete cascade,
      project_id ${text},
      secret_json ${text} not null,
      token_hash ${text} not null,
      issue_time ${whole} not null,
      expire_time ${whole} not null
    ) ${tableEnd}`,
    `create index temporary_keys_user on temporary_keys (user_id)`,
    `create index temporary_keys_expire_time on temporary_keys (expire_time)`,
    `create table role_assignments (
      user_id ${text} not null references users (id) on delete cascade,
      scope_kind ${text} not null,
      scope_id ${text} not null,
      role ${text} not null,
      create_time ${whole} not null,
      primary key (user_id, scope_kind, scope_id, role)
    ) ${tableEnd}`,
    // Until now every user might do everything in the whole domain, and nobody is locked out by an upgrade.
    `insert into role_assignments (user_id, scope_kind, scope_id, role, create_time)
      select id, 'domain', domain_id, 'te_admin', create_time from users`,
    `alter table users add column description ${text}`,
    `alter table users add column default_project_id ${text}`,
    `alter table users add column email ${text}`,
    `alter table users add column area_code ${text}`,
    `alter table users add column phone ${text}`,
    `alter table users add column access_mode ${text}`,
    `alter table projects add column description ${text}`,
    `alter table tokens add column methods ${text} not null default 'password'`,
    `alter table audit add column credential ${text}`,
    `alter table audit add column source ${text}`,
    `create index audit_request on audit (request_id)`,
  ],
};
