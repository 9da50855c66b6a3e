import type { Generated } from 'kysely';

/** The unique rules that a request can meet, by the name that `UniqueViolation.constraint` bears. */
export const unique = {
  projectName: 'projects_name',
  userName: 'users_name',
  applicationName: 'applications_name',
  componentName: 'components_live_name',
  environmentName: 'environments_name',
  environmentResource: 'environment_resources_id',
  instanceName: 'instances_live_name',
  hostName: 'instances_live_host_name',
  uid: 'instances_live_uid',
  releaseNumber: 'releases_number',
  openJob: 'jobs_open_of_user',
  taskPosition: 'tasks_position',
} as const;

/**
 * The rows, as both databases hold them. Times are milliseconds since 1970; booleans are 0 or 1; a column named
 * `*_json` holds JSON text, which only this folder writes and parses. Secrets inside are envelopes.
 */
export interface Tables {
  /** Facts about the platform itself: its id, region, this host's id. */
  facts: { name: string; value: string };
  /** What each applied migration was made of, so that an edited one is noticed. */
  migration_checksums: { name: string; checksum: string };
  /** Applied migrations that a version which does not know them may leave alone. */
  expanding_migrations: { name: string };
  domains: { id: string; name: string };
  projects: { id: string; domain_id: string; name: string; create_time: number; description: string | null };
  users: {
    id: string;
    domain_id: string;
    name: string;
    /** scrypt, with its parameters and salt. */
    password_hash: string;
    enabled: number;
    create_time: number;
    description: string | null;
    default_project_id: string | null;
    email: string | null;
    area_code: string | null;
    phone: string | null;
    access_mode: string | null;
  };
  /** Which user has which role where; scope_kind: project or domain. */
  role_assignments: {
    user_id: string;
    scope_kind: string;
    scope_id: string;
    role: string;
    create_time: number;
  };
  access_keys: {
    access: string;
    user_id: string;
    /** domain Envelope: signatures are checked with the secret itself. */
    secret_json: string;
    description: string;
    active: number;
    create_time: number;
    /** To the hour. */
    last_use_time: number | null;
  };
  temporary_keys: {
    access: string;
    user_id: string;
    /** Good for one project only; null: for all that its user may use. */
    project_id: string | null;
    /** domain Envelope */
    secret_json: string;
    /** Of its security token. */
    token_hash: string;
    issue_time: number;
    expire_time: number;
  };
  /** Only hashes of tokens are stored. */
  tokens: {
    hash: string;
    user_id: string;
    /** Scope: a project, or the whole domain where null. */
    project_id: string | null;
    issue_time: number;
    expire_time: number;
    /** How it was got: words such as "password", by comma. */
    methods: Generated<string>;
    /** 1: by a temporary key. */
    temporary: Generated<number>;
  };
  /** Unique: (project_id, name). */
  applications: {
    id: string;
    project_id: string;
    name: string;
    description: string | null;
    enterprise_project_id: string;
    creator: string;
    component_count: number;
    create_time: number;
    update_time: number;
  };
  application_configurations: {
    application_id: string;
    environment_id: string;
    project_id: string;
    /** readonly SealedVariable[] */
    env_json: string;
  };
  /** Unique among live ones (deleting = 0): (application_id, name_key). name_key is the lower-case name. */
  components: {
    id: string;
    project_id: string;
    application_id: string;
    name: string;
    name_key: string;
    runtime: string;
    category: string;
    sub_category: string | null;
    description: string | null;
    source_json: string | null;
    build_json: string | null;
    deleting: number;
    creator: string;
    create_time: number;
    update_time: number;
  };
  /** Unique: (project_id, name_key). */
  environments: {
    id: string;
    project_id: string;
    name: string;
    name_key: string;
    alias: string | null;
    description: string | null;
    enterprise_project_id: string;
    charge_mode: string;
    deploy_mode: string;
    vpc_id: string;
    creator: string;
    create_time: number;
    update_time: number;
  };
  /** Order within an environment: position. Unique: (environment_id, type, resource_id). */
  environment_resources: {
    environment_id: string;
    project_id: string;
    position: number;
    is_base: number;
    resource_id: string;
    type: string;
    name: string | null;
  };
  hosts: { id: string; name: string; create_time: number };
  /** Unique among live ones (delete_time is null): (environment_id, name); unique: host_name. */
  instances: {
    id: string;
    project_id: string;
    application_id: string;
    component_id: string;
    environment_id: string;
    name: string;
    description: string | null;
    platform_type: string;
    /** Which driver runs it: "process". */
    driver: string;
    /** The resource it was placed on: type and id. */
    target_json: string;
    /** Host name at the ingress, computed once. */
    host_name: string;
    wanted: string;
    activity: string | null;
    replicas: number;
    /** readonly HostId[]; null: all. */
    hosts_json: string | null;
    /** Numeric user of its processes; null: the platform's own. Unique among live ones. */
    uid: number | null;
    serving_rollout: number | null;
    serving_release_id: string | null;
    /** domain Rolling: how far an update in batches is; null where none is on its way. */
    rolling_rollout: number | null;
    rolling_ready: number | null;
    rolling_kept: number | null;
    /** The rollout whose replicas take no traffic although it serves: they make room for the next. */
    out_of_service_rollout: number | null;
    /** The newest release that was asked for, shown until one serves. */
    requested_release_id: string;
    /** The label of the release that is shown, for the order of lists; it follows the two before. */
    label: Generated<string>;
    next_rollout: number;
    next_release_number: number;
    /** Whether it ever got artifacts of its own. */
    has_own_artifacts: number;
    /** domain Health as last observed. */
    healthy: number;
    observable: number;
    health_detail: string | null;
    /** The look that this and its replicas are from, as a moment of `LookClock`; only a later one replaces it. */
    look: Generated<number>;
    /** Which limits are enforced, which runtime really runs: shown on the instance. */
    notes_json: string | null;
    last_job_id: string | null;
    creator: string;
    create_time: number;
    update_time: number;
    delete_time: number | null;
  };
  /** What an instance is promised, asked for or running. */
  reservations: {
    instance_id: string;
    project_id: string;
    cpu_millis: number;
    memory_bytes: number;
    replicas: Generated<number>;
    surge_cpu_millis: Generated<number>;
    surge_memory_bytes: Generated<number>;
  };
  releases: {
    id: string;
    instance_id: string;
    project_id: string;
    number: number | null;
    label: string;
    /** domain ReleaseContent */
    content_json: string;
    replicas: number;
    digest: string | null;
    /** What its package was called when it was resolved. */
    file_name: string | null;
    build_key: string | null;
    /** domain Launch */
    launch_json: string | null;
    /** The commit that its code was at; null where it was not built from code. */
    source_commit: string | null;
    /** Hash of all that its code was built from; the same builds the same. */
    source_key: string | null;
    /** 1 as long as it is a rollback target or serves; 0 once dropped from the newest 20. */
    kept: number;
    create_time: number;
    served_time: number | null;
  };
  /** The hosts that a release's accesses name. Primary key: (release_id, host). */
  release_hosts: { release_id: string; host: string; instance_id: string; project_id: string };
  /** Who claimed a host of an access first, over all projects. Primary key: host. */
  claimed_hosts: { host: string; instance_id: string; project_id: string };
  /** Primary key: (instance_id, number). */
  rollouts: {
    instance_id: string;
    number: number;
    release_id: string;
    project_id: string;
    create_time: number;
    /** Set once all its replicas are gone for good. */
    retire_time: number | null;
    /** readonly SealedVariable[] of the resources that its release refers to; null: not resolved yet. */
    env_json: string | null;
    /** RolloutContent; null: not begun yet, or retired, or not asked for since the version before. */
    content_json: string | null;
  };
  /** What was observed. Primary key: (instance_id, rollout, ordinal). */
  replicas: {
    instance_id: string;
    rollout: number;
    ordinal: number;
    project_id: string;
    host_id: string;
    address_host: string | null;
    address_port: number | null;
    state: string;
    ready: number;
    /** domain Observed */
    observed_json: string;
    observe_time: number;
  };
  /** At most one row with state = 'running' and internal = 0 per instance (partial unique index). */
  jobs: {
    id: string;
    project_id: string;
    /** Empty where the kind is a settled one. */
    instance_id: string;
    kind: string;
    internal: number;
    /** domain Plan */
    plan_json: string;
    state: string;
    phase: string;
    /** Why it failed: {code, message, failed_task, exit, log}. */
    problem_json: string | null;
    /** Hash of caller, method, path and parsed body, for repeated requests while it is open. */
    request_hash: string | null;
    created_by: string;
    create_time: number;
    update_time: number;
    end_time: number | null;
    /** `<node>:<run>`; null: nobody holds it. */
    lease_owner: string | null;
    /** Rises with every take; writes carry it. */
    lease_epoch: number;
    /** Rises with every heartbeat. */
    lease_beat: number;
    forward_used_ms: number;
    undo_used_ms: number;
  };
  /** Unique: (job_id, position). */
  tasks: {
    id: string;
    job_id: string;
    position: number;
    name: string;
    state: string;
    attempts: number;
    messages: string;
    owner: string;
    create_time: number;
    update_time: number;
  };
  /** What a job's builds printed; it goes with its job. */
  job_logs: {
    job_id: string;
    project_id: string;
    content: string;
    last_lines: string;
    update_time: number;
  };
  /** A file kept by digest in the data directory. */
  artifacts: { digest: string; size: number; create_time: number; use_time: number };
  /** Names in the package repository. Primary key: (project_id, name, version, file). */
  packages: {
    project_id: string;
    name: string;
    version: string;
    file: string;
    digest: string;
    size: number;
    creator: string;
    create_time: number;
    update_time: number;
  };
  /** Primary key: (project_id, name). */
  git_authorizations: {
    project_id: string;
    name: string;
    repo_type: string;
    /** Whose REST API the host speaks. */
    api: string;
    /** Base address: "https://git.example.org". */
    host: string;
    home: string;
    user_name: string;
    avatar: string;
    token_type: string;
    tag: string | null;
    /** Envelope around JSON text of a domain Credential. */
    secret_json: string;
    status: number;
    creator: string;
    create_time: number;
    update_time: number;
  };
  /** Consent pages that were handed out; each is good for one use. */
  git_consents: {
    /** SHA-256 of the state. */
    state_hash: string;
    project_id: string;
    user_id: string;
    repo_type: string;
    tag: string | null;
    expire_time: number;
  };
  /** Hooks that lead to this platform. Primary key: (project_id, id). */
  git_hooks: {
    project_id: string;
    id: string;
    /** By whose rule deliveries are signed. */
    api: string;
    /** readonly string[]: domain repositoryKey of each address that the repository is known by. */
    repositories_json: string;
    /** Envelope around the secret. */
    secret_json: string;
    host: string;
    /** Of the repository below its host. */
    path: string;
    /** The hook's id at its host; null until the host has answered. */
    remote_id: string | null;
    /** As whom changes are made. */
    user_id: string;
    user_name: string;
    create_time: number;
    delivery_time: number | null;
    /** What became of the last delivery, in a sentence. */
    delivery: string | null;
  };
  /** The newest push that an instance has not followed yet. Primary key: instance_id. */
  git_pushes: {
    instance_id: string;
    project_id: string;
    hook_id: string;
    user_id: string;
    user_name: string;
    request_id: string;
    branch: string;
    sha: string;
    /** Rises with every push that is folded into the row. */
    number: number;
    receive_time: number;
  };
  audit: {
    id: string;
    project_id: string | null;
    user_id: string;
    action: string;
    object_id: string;
    job_id: string | null;
    request_id: string;
    time: number;
    /** The access key that signed; null: a token. */
    credential: string | null;
    /** The network address that it came from. */
    source: string | null;
  };
}
