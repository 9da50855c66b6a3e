import { Type, type Static } from 'typebox';
import { anything, Id, nullable, OptionalText, Time } from './shared.ts';

export const InstanceJob = Type.Object({ instance_id: Id, job_id: Id }, { title: 'InstanceJob' });
export const JobRef = Type.Object({ job_id: Id }, { title: 'JobRef' });

const ExternalAccess = Type.Object(
  {
    id: Type.String(),
    protocol: Type.String(),
    address: Type.String(),
    forward_port: Type.Integer(),
    type: Type.Enum(['AUTO_GENERATED', 'SPECIFIED', 'IP_ADDR']),
    status: Type.Enum(['NORMAL', 'EXPIRED']),
    create_time: Time,
    update_time: Time,
  },
  { title: 'ExternalAccess' },
);

const StatusDetail = Type.Object(
  {
    status: Type.String(),
    available_replica: Type.Integer(),
    replica: Type.Integer(),
    fail_detail: OptionalText,
    last_job_id: OptionalText,
    last_job_status: OptionalText,
    enterprise_project_id: Type.String(),
  },
  { title: 'StatusDetail' },
);

const Configuration = Type.Object(
  {
    env: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), value: Type.String(), internal: Type.Boolean() })),
    ),
  },
  { title: 'InstanceConfiguration', additionalProperties: true },
);

const Replica = Type.Object(
  {
    rollout: Type.Integer(),
    ordinal: Type.Integer(),
    host: Type.String(),
    address: OptionalText,
    state: Type.String(),
    ready: Type.Boolean(),
    saw: Type.String(),
    restarts: Type.Integer(),
    pid: nullable(Type.Integer()),
    started_at: nullable(Time),
    last_exit: OptionalText,
  },
  { title: 'Replica' },
);

const bound = (description: string) => nullable(Type.Integer({ description }));
const Bounds = Type.Object(
  {
    memory_bytes: bound('of a replica, by its flavor; beyond it the kernel ends processes'),
    cpu_millis: bound('thousandths of a core of a replica, by its flavor and what the host has'),
    processes: bound('processes and threads of a replica'),
    descriptors_per_process: bound('open files and sockets of one process'),
    descriptors: bound('the same of all replicas of the instance on one host'),
    disk_bytes: bound("of a replica's own directories: HOME and EmptyDir"),
    files: bound('files and directories in them'),
    log_bytes: bound('of what a replica prints; older lines go'),
    ports: bound('on which the instance listens beside its own: so many, or four for each replica'),
  },
  { title: 'Bounds', description: 'null: nothing bounds it on this host' },
);

/** What the contract has no member for: what really runs, and where. */
export const Running = Type.Object(
  {
    driver: Type.String(),
    resource: Type.Object({ id: Type.String(), type: Type.String() }),
    host_name: Type.String(),
    url: Type.String(),
    runtime_version: OptionalText,
    limits_enforced: nullable(
      Type.Array(Type.String(), { description: 'limits and fences that hold the application' }),
    ),
    bounds: nullable(Bounds),
    release: nullable(Type.Integer()),
    rollout: nullable(Type.Integer()),
    replicas: Type.Array(Replica),
  },
  { title: 'Running' },
);

const common = {
  environment_id: Id,
  platform_type: Type.String(),
  artifacts: anything('artifacts as they were sent'),
  version: Type.String(),
  external_accesses: Type.Array(ExternalAccess),
  creator: Type.String(),
  create_time: Time,
  update_time: Time,
  status_detail: StatusDetail,
};

const detail = {
  ...common,
  description: OptionalText,
  flavor_id: Type.String(),
  configuration: Configuration,
  refer_resources: Type.Array(
    Type.Object({ id: Type.String(), type: Type.String() }, { additionalProperties: true }),
  ),
};

export const Instance = Type.Object(
  { id: Id, name: Type.String(), ...detail, openstage: Running },
  { title: 'Instance' },
);
export const InstanceOverview = Type.Object(
  { instance_id: Id, instance_name: Type.String(), ...detail },
  { title: 'InstanceOverview' },
);
export const InstanceView = Type.Object(
  {
    id: Id,
    application_id: Id,
    application_name: Type.String(),
    component_id: Id,
    component_name: Type.String(),
    name: Type.String(),
    environment_name: Type.String(),
    ...common,
  },
  { title: 'InstanceView' },
);
export const InstanceList = Type.Object(
  { count: Type.Integer(), instances: Type.Array(InstanceView) },
  { title: 'InstanceList' },
);

export const Snapshot = Type.Object(
  { version: Type.String(), description: Type.String(), instance_id: Id, create_time: Time },
  { title: 'Snapshot' },
);
export const SnapshotList = Type.Object(
  { count: Type.Integer(), snapshots: Type.Array(Snapshot) },
  { title: 'SnapshotList' },
);

export type ExternalAccessWire = Static<typeof ExternalAccess>;
export type StatusDetailWire = Static<typeof StatusDetail>;
export type RunningWire = Static<typeof Running>;
export type InstanceWire = Static<typeof Instance>;
export type InstanceOverviewWire = Static<typeof InstanceOverview>;
export type InstanceViewWire = Static<typeof InstanceView>;
export type SnapshotWire = Static<typeof Snapshot>;
