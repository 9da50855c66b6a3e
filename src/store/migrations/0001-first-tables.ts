import type { Migration, Words } from './migration.ts';

/**
 * Rows belong to a project, but for what the whole platform shares: facts, domains, users, hosts and artifacts,
 * and names at the ingress and numeric users of processes, which one host has but once.
 * Unique names cover live rows only. Deleted applications, components and environments leave instances' rows
 * behind, so those name their parents without a foreign key.
 */
export const firstTables: Migration = {
  name: '0001-first-tables',
  isExpanding: true,
  statements: (words) => [
    ...iam(words),
    ...nouns(words),
    ...instances(words),
    ...jobs(words),
    ...packages(words),
  ],
};

const iam = ({ text, whole, tableEnd }: Words) => [
  `create table facts (name ${text} not null primary key, value ${text} not null) ${tableEnd}`,
  `create table domains (id ${text} not null primary key, name ${text} not null) ${tableEnd}`,
  `create unique index domains_name on domains (name)`,
  `create table projects (
    id ${text} not null primary key,
    domain_id ${text} not null references domains (id),
    name ${text} not null,
    create_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index projects_name on projects (domain_id, name)`,
  `create table users (
    id ${text} not null primary key,
    domain_id ${text} not null references domains (id),
    name ${text} not null,
    password_hash ${text} not null,
    enabled ${whole} not null,
    create_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index users_name on users (domain_id, name)`,
  `create table tokens (
    hash ${text} not null primary key,
    user_id ${text} not null references users (id) on delete cascade,
    project_id ${text},
    issue_time ${whole} not null,
    expire_time ${whole} not null
  ) ${tableEnd}`,
  `create index tokens_user on tokens (user_id)`,
  `create index tokens_expire_time on tokens (expire_time)`,
  `create table audit (
    id ${text} not null primary key,
    project_id ${text},
    user_id ${text} not null,
    action ${text} not null,
    object_id ${text} not null,
    job_id ${text},
    request_id ${text} not null,
    time ${whole} not null
  ) ${tableEnd}`,
  `create index audit_time on audit (project_id, time, id)`,
  `create index audit_age on audit (time)`,
];

const nouns = ({ text, whole, tableEnd }: Words) => [
  `create table applications (
    id ${text} not null primary key,
    project_id ${text} not null,
    name ${text} not null,
    description ${text},
    enterprise_project_id ${text} not null,
    creator ${text} not null,
    component_count ${whole} not null,
    create_time ${whole} not null,
    update_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index applications_name on applications (project_id, name)`,
  `create index applications_by_create_time on applications (project_id, create_time, id)`,
  `create index applications_by_update_time on applications (project_id, update_time, id)`,
  `create index applications_by_name on applications (project_id, name, id)`,
  `create table environments (
    id ${text} not null primary key,
    project_id ${text} not null,
    name ${text} not null,
    name_key ${text} not null,
    alias ${text},
    description ${text},
    enterprise_project_id ${text} not null,
    charge_mode ${text} not null,
    deploy_mode ${text} not null,
    vpc_id ${text} not null,
    creator ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index environments_name on environments (project_id, name_key)`,
  `create index environments_by_create_time on environments (project_id, create_time, id)`,
  `create index environments_by_update_time on environments (project_id, update_time, id)`,
  `create index environments_by_name on environments (project_id, name, id)`,
  `create table environment_resources (
    environment_id ${text} not null references environments (id) on delete cascade,
    project_id ${text} not null,
    position ${whole} not null,
    is_base ${whole} not null,
    resource_id ${text} not null,
    type ${text} not null,
    name ${text},
    primary key (environment_id, position)
  ) ${tableEnd}`,
  `create unique index environment_resources_id on environment_resources (project_id, environment_id, type, resource_id)`,
  `create table application_configurations (
    application_id ${text} not null references applications (id) on delete cascade,
    environment_id ${text} not null references environments (id) on delete cascade,
    project_id ${text} not null,
    env_json ${text} not null,
    primary key (application_id, environment_id)
  ) ${tableEnd}`,
  `create index application_configurations_environment on application_configurations (environment_id)`,
  `create table components (
    id ${text} not null primary key,
    project_id ${text} not null,
    application_id ${text} not null,
    name ${text} not null,
    name_key ${text} not null,
    runtime ${text} not null,
    category ${text} not null,
    sub_category ${text},
    description ${text},
    source_json ${text},
    build_json ${text},
    deleting ${whole} not null,
    creator ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index components_live_name on components (project_id, application_id, name_key) where deleting = 0`,
  `create index components_by_create_time on components (project_id, application_id, create_time, id)`,
  `create index components_by_update_time on components (project_id, application_id, update_time, id)`,
  `create index components_by_name on components (project_id, application_id, name, id)`,
  `create table hosts (id ${text} not null primary key, name ${text} not null, create_time ${whole} not null) ${tableEnd}`,
];

const instances = ({ text, whole, tableEnd }: Words) => [
  `create table instances (
    id ${text} not null primary key,
    project_id ${text} not null,
    application_id ${text} not null,
    component_id ${text} not null,
    environment_id ${text} not null,
    name ${text} not null,
    description ${text},
    platform_type ${text} not null,
    driver ${text} not null,
    target_json ${text} not null,
    host_name ${text} not null,
    wanted ${text} not null,
    activity ${text},
    replicas ${whole} not null,
    hosts_json ${text},
    uid ${whole},
    serving_rollout ${whole},
    serving_release_id ${text},
    requested_release_id ${text} not null,
    next_rollout ${whole} not null,
    next_release_number ${whole} not null,
    has_own_artifacts ${whole} not null,
    healthy ${whole} not null,
    observable ${whole} not null,
    health_detail ${text},
    notes_json ${text},
    last_job_id ${text},
    creator ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null,
    delete_time ${whole}
  ) ${tableEnd}`,
  `create unique index instances_live_name on instances (project_id, environment_id, name) where delete_time is null`,
  `create unique index instances_live_host_name on instances (host_name) where delete_time is null`,
  `create unique index instances_live_uid on instances (uid) where delete_time is null and uid is not null`,
  `create index instances_uid on instances (uid)`,
  `create index instances_by_create_time on instances (project_id, component_id, create_time, id) where delete_time is null`,
  `create index instances_by_update_time on instances (project_id, component_id, update_time, id) where delete_time is null`,
  `create index instances_by_name on instances (project_id, component_id, name, id) where delete_time is null`,
  `create index instances_of_application on instances (project_id, application_id, create_time, id) where delete_time is null`,
  `create index instances_live on instances (id) where delete_time is null`,
  `create index instances_deleted on instances (delete_time) where delete_time is not null`,
  `create table releases (
    id ${text} not null primary key,
    instance_id ${text} not null references instances (id) on delete cascade,
    project_id ${text} not null,
    number ${whole},
    label ${text} not null,
    content_json ${text} not null,
    replicas ${whole} not null,
    digest ${text},
    file_name ${text},
    build_key ${text},
    launch_json ${text},
    kept ${whole} not null,
    create_time ${whole} not null,
    served_time ${whole}
  ) ${tableEnd}`,
  `create unique index releases_number on releases (project_id, instance_id, number) where number is not null`,
  `create index releases_of_instance on releases (instance_id, create_time, id)`,
  `create index releases_by_label on releases (instance_id, label)`,
  `create index releases_kept on releases (instance_id, number) where kept = 1`,
  `create table release_hosts (
    release_id ${text} not null references releases (id) on delete cascade,
    host ${text} not null,
    instance_id ${text} not null references instances (id) on delete cascade,
    project_id ${text} not null,
    primary key (release_id, host)
  ) ${tableEnd}`,
  `create index release_hosts_by_host on release_hosts (host, instance_id)`,
  `create table claimed_hosts (
    host ${text} not null primary key,
    instance_id ${text} not null references instances (id) on delete cascade,
    project_id ${text} not null
  ) ${tableEnd}`,
  `create index claimed_hosts_of_instance on claimed_hosts (instance_id)`,
  `create table rollouts (
    instance_id ${text} not null references instances (id) on delete cascade,
    number ${whole} not null,
    release_id ${text} not null references releases (id) on delete cascade,
    project_id ${text} not null,
    create_time ${whole} not null,
    retire_time ${whole},
    primary key (instance_id, number)
  ) ${tableEnd}`,
  `create index rollouts_of_release on rollouts (release_id)`,
  `create index rollouts_unretired on rollouts (instance_id, number) where retire_time is null`,
  `create table replicas (
    instance_id ${text} not null references instances (id) on delete cascade,
    rollout ${whole} not null,
    ordinal ${whole} not null,
    project_id ${text} not null,
    host_id ${text} not null,
    address_host ${text},
    address_port ${whole},
    state ${text} not null,
    ready ${whole} not null,
    observed_json ${text} not null,
    observe_time ${whole} not null,
    primary key (instance_id, rollout, ordinal)
  ) ${tableEnd}`,
];

const jobs = ({ text, whole, tableEnd }: Words) => [
  `create table jobs (
    id ${text} not null primary key,
    project_id ${text} not null,
    instance_id ${text} not null,
    kind ${text} not null,
    internal ${whole} not null,
    plan_json ${text} not null,
    state ${text} not null,
    phase ${text} not null,
    problem_json ${text},
    request_hash ${text},
    created_by ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null,
    end_time ${whole},
    lease_owner ${text},
    lease_epoch ${whole} not null,
    lease_beat ${whole} not null,
    forward_used_ms ${whole} not null,
    undo_used_ms ${whole} not null
  ) ${tableEnd}`,
  `create unique index jobs_open_of_user on jobs (project_id, instance_id) where state = 'running' and internal = 0`,
  `create index jobs_running on jobs (create_time, id) where state = 'running'`,
  `create unique index jobs_leased on jobs (instance_id) where lease_owner is not null`,
  `create index jobs_of_instance on jobs (instance_id, create_time, id)`,
  `create index jobs_open_request on jobs (request_hash) where state = 'running'`,
  `create index jobs_ended on jobs (end_time) where end_time is not null`,
  `create table tasks (
    id ${text} not null primary key,
    job_id ${text} not null references jobs (id) on delete cascade,
    position ${whole} not null,
    name ${text} not null,
    state ${text} not null,
    attempts ${whole} not null,
    messages ${text} not null,
    owner ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null
  ) ${tableEnd}`,
  `create unique index tasks_position on tasks (job_id, position)`,
];

const packages = ({ text, whole, tableEnd }: Words) => [
  `create table artifacts (
    digest ${text} not null primary key,
    size ${whole} not null,
    create_time ${whole} not null,
    use_time ${whole} not null
  ) ${tableEnd}`,
  `create index artifacts_use_time on artifacts (use_time)`,
  `create table packages (
    project_id ${text} not null,
    name ${text} not null,
    version ${text} not null,
    file ${text} not null,
    digest ${text} not null references artifacts (digest),
    size ${whole} not null,
    creator ${text} not null,
    create_time ${whole} not null,
    update_time ${whole} not null,
    primary key (project_id, name, version, file)
  ) ${tableEnd}`,
  `create index packages_digest on packages (digest)`,
];
