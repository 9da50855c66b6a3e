import type { SealedVariable } from '../../domain/envelope.ts';
import { Problem } from '../../domain/errors.ts';
import { status } from '../../domain/instance.ts';
import type { ReplicaBounds } from '../../domain/replica-bounds.ts';
import { describeExit, type Observed } from '../../domain/rollout.ts';
import type { Instance } from '../../store/instances.ts';
import type { StoredJob } from '../../store/jobs.ts';
import type { StoredRelease } from '../../store/releases.ts';
import type { ShowValue } from '../shown-values.ts';
import { accessesWire } from './access-wire.ts';
import { configurationWire } from './configuration-wire.ts';
import type {
  InstanceOverviewWire,
  InstanceViewWire,
  InstanceWire,
  RunningWire,
  SnapshotWire,
  StatusDetailWire,
} from './schemas/instance.ts';
import { jobStatus } from './jobs-wire.ts';

/** An instance with what its answer is made of. */
export interface Shown {
  readonly instance: Instance;
  /** The serving one, or the requested one where none has served. */
  readonly release: StoredRelease;
  readonly lastJob?: StoredJob;
  /** Variables that resources and the platform gave to what serves, and that neither instance nor application set. */
  readonly given: readonly SealedVariable[];
  readonly enterpriseProjectId: string;
  /** The port that its component's runtime is known for. */
  readonly defaultPort: number;
}

/** The names that list items bear. */
export interface Names {
  readonly application: string;
  readonly component: string;
  readonly environment: string;
}

export function statusDetail({ instance, lastJob, enterpriseProjectId }: Shown): StatusDetailWire {
  const word = status({
    wanted: instance.wanted,
    activity: instance.activity,
    replicas: instance.replicas,
    everServed: instance.servingRelease !== undefined,
    health: instance.health,
  });
  const isWell = instance.activity !== undefined || word === 'STOPPED';
  const reason = instance.health.detail ?? lastJob?.problem?.message;
  return {
    status: word,
    available_replica: instance.health.healthy,
    replica: instance.replicas,
    // What runs may still be ended time and again, in between.
    fail_detail: isWell ? null : ((word === 'RUNNING' ? instance.health.detail : reason) ?? null),
    last_job_id: instance.lastJob ?? null,
    last_job_status: lastJob ? jobStatus(lastJob) : null,
    enterprise_project_id: enterpriseProjectId,
  };
}

const common = (shown: Shown) => {
  const { instance, release, defaultPort } = shown;
  return {
    environment_id: instance.environment,
    platform_type: instance.platformType,
    artifacts: { ...release.content.artifacts },
    version: release.content.label,
    external_accesses: accessesWire(instance, release.content, defaultPort),
    creator: instance.creator,
    create_time: instance.createTime,
    update_time: instance.updateTime,
    status_detail: statusDetail(shown),
  };
};

const detail = (shown: Shown, show: ShowValue) => {
  const { instance, release } = shown;
  return {
    ...common(shown),
    description: instance.description ?? null,
    flavor_id: release.content.flavorId,
    configuration: configurationWire(show, release.content, shown.given),
    refer_resources: release.content.referResources.map((resource) => ({ ...resource })),
  };
};

export const instanceWire = (shown: Shown, show: ShowValue, openstage: RunningWire): InstanceWire => ({
  id: shown.instance.id,
  name: shown.instance.name,
  ...detail(shown, show),
  openstage,
});

export const instanceOverviewWire = (shown: Shown, show: ShowValue): InstanceOverviewWire => ({
  instance_id: shown.instance.id,
  instance_name: shown.instance.name,
  ...detail(shown, show),
});

export const instanceViewWire = (shown: Shown, names: Names): InstanceViewWire => ({
  id: shown.instance.id,
  application_id: shown.instance.application,
  application_name: names.application,
  component_id: shown.instance.component,
  component_name: names.component,
  name: shown.instance.name,
  environment_name: names.environment,
  ...common(shown),
});

const boundsWire = (bounds: ReplicaBounds): NonNullable<RunningWire['bounds']> => ({
  memory_bytes: bounds.memoryBytes ?? null,
  cpu_millis: bounds.cpuMillis ?? null,
  processes: bounds.processes ?? null,
  descriptors_per_process: bounds.descriptorsOfProcess ?? null,
  descriptors: bounds.descriptors ?? null,
  disk_bytes: bounds.diskBytes ?? null,
  files: bounds.files ?? null,
  log_bytes: bounds.logBytes ?? null,
  ports: bounds.ports ?? null,
});

export const runningWire = (
  { instance, release }: Shown,
  replicas: readonly Observed[],
  ingressPort: number,
): RunningWire => ({
  driver: instance.driver,
  resource: { id: instance.target.id, type: instance.target.type },
  host_name: instance.hostName,
  url: `http://${instance.hostName}:${ingressPort}/`,
  runtime_version: instance.notes?.runtimeVersion ?? release.launch?.runtimeVersion ?? null,
  limits_enforced: instance.notes ? [...instance.notes.enforced] : null,
  bounds: instance.notes?.bounds ? boundsWire(instance.notes.bounds) : null,
  release: release.number ?? null,
  rollout: instance.servingRollout ?? null,
  replicas: replicas.map((replica) => ({
    rollout: replica.rollout,
    ordinal: replica.ordinal,
    host: replica.host,
    address: replica.address ? `${replica.address.host}:${replica.address.port}` : null,
    state: replica.state,
    ready: replica.readiness.ready,
    saw: replica.readiness.saw,
    restarts: replica.restarts,
    pid: replica.pid ?? null,
    started_at: replica.startedAt ?? null,
    last_exit: replica.lastExit ? describeExit(replica.lastExit) : null,
  })),
});

export function snapshotWire(release: StoredRelease): SnapshotWire {
  if (release.number === undefined)
    throw new Problem('unavailable', 'The snapshot is being made; repeat the request.');
  return {
    version: release.content.label,
    description: JSON.stringify({
      action: `New Version: ${release.content.label}`,
      release: release.number,
      ...(release.commit !== undefined && { commit: release.commit }),
    }),
    instance_id: release.instance,
    create_time: release.servedTime ?? release.createTime,
  };
}
