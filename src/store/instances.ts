import type { ExpressionBuilder, Insertable, Selectable, Updateable } from 'kysely';
import {
  applicationId,
  componentId,
  environmentId,
  hostId,
  instanceId,
  jobId,
  projectId,
  releaseId,
  type ApplicationId,
  type ComponentId,
  type EnvironmentId,
  type HostId,
  type InstanceId,
  type JobId,
  type ProjectId,
  type ReleaseId,
} from '../domain/ids.ts';
import type { Rolling } from '../domain/batches.ts';
import { activities, type Activity, type Health, type Wanted } from '../domain/instance.ts';
import type { ReplicaBounds } from '../domain/replica-bounds.ts';
import type { DriverName, Resource } from '../domain/resource.ts';
import { isListOf, isShape, optionalJson, parseJson, parseOptionalJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { given, oneOf, present } from './rows.ts';
import type { Tables } from './tables.ts';

/** What the target reported about how the instance really runs. */
export interface InstanceNotes {
  /** Limits that the host enforces: "cpu", "memory", "pids". */
  readonly enforced: readonly string[];
  readonly bounds?: ReplicaBounds;
  readonly runtimeVersion: string;
}

export interface Instance {
  readonly id: InstanceId;
  readonly project: ProjectId;
  readonly application: ApplicationId;
  readonly component: ComponentId;
  readonly environment: EnvironmentId;
  readonly name: string;
  readonly description?: string;
  readonly platformType: string;
  readonly driver: DriverName;
  /** The resource that it was placed on. */
  readonly target: Resource;
  /** At the ingress; computed once. */
  readonly hostName: string;
  readonly wanted: Wanted;
  readonly activity?: Activity;
  readonly replicas: number;
  /** Absent: all of its environment. */
  readonly hosts?: readonly HostId[];
  /** Numeric user of its processes; absent: the platform's own. */
  readonly uid?: number;
  readonly servingRollout?: number;
  readonly servingRelease?: ReleaseId;
  /** An update in batches is on its way. */
  readonly rolling?: Rolling;
  /** The rollout that serves but takes no traffic, while its replicas make room for the next. */
  readonly outOfService?: number;
  readonly requestedRelease: ReleaseId;
  readonly hasOwnArtifacts: boolean;
  readonly health: Health;
  readonly notes?: InstanceNotes;
  readonly lastJob?: JobId;
  readonly creator: string;
  readonly createTime: number;
  readonly updateTime: number;
  /** Set once it is gone; the row stays for a while, so that its jobs can be read. */
  readonly deleteTime?: number;
}

/** A new instance; nothing serves and nothing was observed yet. */
export type NewInstance = Omit<
  Instance,
  | 'servingRollout'
  | 'servingRelease'
  | 'rolling'
  | 'outOfService'
  | 'health'
  | 'notes'
  | 'deleteTime'
  | 'updateTime'
>;

/** Absent members stay as they are; null clears. */
export interface InstanceChanges {
  readonly description?: string | null;
  readonly wanted?: Wanted;
  readonly activity?: Activity | null;
  readonly replicas?: number;
  readonly hosts?: readonly HostId[] | null;
  readonly uid?: number | null;
  readonly servingRollout?: number | null;
  readonly servingRelease?: ReleaseId | null;
  readonly rolling?: Rolling | null;
  readonly outOfService?: number | null;
  readonly requestedRelease?: ReleaseId;
  readonly hasOwnArtifacts?: boolean;
  readonly health?: Health;
  readonly notes?: InstanceNotes | null;
  readonly lastJob?: JobId;
  readonly updateTime?: number;
}

const wanteds: readonly Wanted[] = ['running', 'stopped', 'deleted'];
const drivers: readonly DriverName[] = ['process'];

const isResource = isShape<Resource>({ id: 'string', type: 'string' });
const isText = (value: unknown): value is string => typeof value === 'string';
const isNotes = isShape<InstanceNotes>({ enforced: 'object', runtimeVersion: 'string' });

export function toInstance(row: Selectable<Tables['instances']>): Instance {
  const hosts = parseOptionalJson(row.hosts_json, 'instances.hosts_json', isListOf(isText));
  return present({
    id: instanceId(row.id),
    project: projectId(row.project_id),
    application: applicationId(row.application_id),
    component: componentId(row.component_id),
    environment: environmentId(row.environment_id),
    name: row.name,
    description: row.description,
    platformType: row.platform_type,
    driver: oneOf(drivers, row.driver, 'instances.driver'),
    target: parseJson(row.target_json, 'instances.target_json', isResource),
    hostName: row.host_name,
    wanted: oneOf(wanteds, row.wanted, 'instances.wanted'),
    activity: row.activity === null ? null : oneOf(activities, row.activity, 'instances.activity'),
    replicas: row.replicas,
    hosts: hosts?.map(hostId),
    uid: row.uid,
    servingRollout: row.serving_rollout,
    servingRelease: row.serving_release_id === null ? null : releaseId(row.serving_release_id),
    rolling: rollingOf(row),
    outOfService: row.out_of_service_rollout,
    requestedRelease: releaseId(row.requested_release_id),
    hasOwnArtifacts: row.has_own_artifacts === 1,
    health: present({ healthy: row.healthy, observable: row.observable === 1, detail: row.health_detail }),
    notes: parseOptionalJson(row.notes_json, 'instances.notes_json', isNotes),
    lastJob: row.last_job_id === null ? null : jobId(row.last_job_id),
    creator: row.creator,
    createTime: row.create_time,
    updateTime: row.update_time,
    deleteTime: row.delete_time,
  });
}

function rollingOf(row: Selectable<Tables['instances']>): Rolling | null {
  const { rolling_rollout: rollout, rolling_ready: ready, rolling_kept: kept } = row;
  return rollout === null || ready === null || kept === null ? null : { rollout, ready, kept };
}

export async function insertInstance(tx: Tx, instance: NewInstance): Promise<void> {
  const row: Insertable<Tables['instances']> = {
    id: instance.id,
    project_id: instance.project,
    application_id: instance.application,
    component_id: instance.component,
    environment_id: instance.environment,
    name: instance.name,
    description: instance.description ?? null,
    platform_type: instance.platformType,
    driver: instance.driver,
    target_json: JSON.stringify(instance.target),
    host_name: instance.hostName,
    wanted: instance.wanted,
    activity: instance.activity ?? null,
    replicas: instance.replicas,
    hosts_json: optionalJson(instance.hosts),
    uid: instance.uid ?? null,
    serving_rollout: null,
    serving_release_id: null,
    rolling_rollout: null,
    rolling_ready: null,
    rolling_kept: null,
    out_of_service_rollout: null,
    requested_release_id: instance.requestedRelease,
    next_rollout: 1,
    next_release_number: 1,
    has_own_artifacts: instance.hasOwnArtifacts ? 1 : 0,
    healthy: 0,
    observable: 1,
    health_detail: null,
    notes_json: null,
    last_job_id: instance.lastJob ?? null,
    creator: instance.creator,
    create_time: instance.createTime,
    update_time: instance.createTime,
    delete_time: null,
  };
  await tx.insertInto('instances').values(row).execute();
}

/** Where to look; each parent that is given must be the instance's own. */
export interface InstanceScope {
  readonly project?: ProjectId;
  readonly application?: ApplicationId;
  readonly component?: ComponentId;
}

function inside(instance: Instance, { project, application, component }: InstanceScope): boolean {
  return (
    (project === undefined || instance.project === project) &&
    (application === undefined || instance.application === application) &&
    (component === undefined || instance.component === component)
  );
}

/** A live one. */
export async function findInstance(
  db: Db,
  id: InstanceId,
  scope: InstanceScope = {},
): Promise<Instance | undefined> {
  const found = await findInstanceEvenDeleted(db, id);
  return found && found.deleteTime === undefined && inside(found, scope) ? found : undefined;
}

/** Also one whose deletion is done, as long as its row is kept. */
export async function findInstanceEvenDeleted(db: Db, id: InstanceId): Promise<Instance | undefined> {
  const row = await db.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toInstance(row);
}

/** Holds the row until the transaction ends: whoever decides on an instance's state reads it through this. */
export async function lockInstance(
  tx: Tx,
  id: InstanceId,
  scope: InstanceScope = {},
): Promise<Instance | undefined> {
  const row = await tx
    .selectFrom('instances')
    .selectAll()
    .where('id', '=', id)
    .where('delete_time', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  const found = row && toInstance(row);
  return found && inside(found, scope) ? found : undefined;
}

export async function updateInstance(tx: Tx, id: InstanceId, changes: InstanceChanges): Promise<void> {
  const { health, hosts, notes, hasOwnArtifacts, rolling } = changes;
  const columns: Updateable<Tables['instances']> = given({
    description: changes.description,
    wanted: changes.wanted,
    activity: changes.activity,
    replicas: changes.replicas,
    hosts_json: hosts === undefined || hosts === null ? hosts : JSON.stringify(hosts),
    uid: changes.uid,
    serving_rollout: changes.servingRollout,
    serving_release_id: changes.servingRelease,
    ...(rolling !== undefined && {
      rolling_rollout: rolling?.rollout ?? null,
      rolling_ready: rolling?.ready ?? null,
      rolling_kept: rolling?.kept ?? null,
    }),
    out_of_service_rollout: changes.outOfService,
    requested_release_id: changes.requestedRelease,
    has_own_artifacts: hasOwnArtifacts === undefined ? undefined : hasOwnArtifacts ? 1 : 0,
    healthy: health?.healthy,
    observable: health === undefined ? undefined : health.observable ? 1 : 0,
    health_detail: health === undefined ? undefined : (health.detail ?? null),
    notes_json: notes === undefined || notes === null ? notes : JSON.stringify(notes),
    last_job_id: changes.lastJob,
    update_time: changes.updateTime,
  });
  if (Object.keys(columns).length === 0) return;
  await tx
    .updateTable('instances')
    .set(columns)
    .$if('serving_release_id' in columns || 'requested_release_id' in columns, (query) =>
      query.set((eb) => ({ label: shownLabel(eb, columns) })),
    )
    .where('id', '=', id)
    .execute();
}

/** Of what will serve, else of what will be asked for. */
const shownLabel = (
  eb: ExpressionBuilder<Tables, 'instances'>,
  { serving_release_id: serving, requested_release_id: requested }: Updateable<Tables['instances']>,
) =>
  eb.fn.coalesce(
    eb
      .selectFrom('releases')
      .select('releases.label')
      .where('releases.id', '=', (inner) =>
        inner.fn.coalesce(
          serving === undefined ? inner.ref('instances.serving_release_id') : inner.val(serving),
          requested === undefined ? inner.ref('instances.requested_release_id') : inner.val(requested),
        ),
      ),
    eb.val(''),
  );

/** Its name, host and user are free from now on; the row stays until `deleteInstancesGoneBefore`. */
export async function markInstanceDeleted(tx: Tx, id: InstanceId, time: number): Promise<void> {
  await tx
    .updateTable('instances')
    .set({ delete_time: time, wanted: 'deleted', activity: null })
    .where('id', '=', id)
    .where('delete_time', 'is', null)
    .execute();
}

/** Rows of instances that were deleted before `time`, with their releases and rollouts. */
export async function deleteInstancesGoneBefore(tx: Tx, time: number, limit: number): Promise<number> {
  const oldest = tx
    .selectFrom('instances')
    .select('id')
    .where('delete_time', '<', time)
    .orderBy('delete_time')
    .limit(limit);
  const { numDeletedRows } = await tx.deleteFrom('instances').where('id', 'in', oldest).executeTakeFirst();
  return Number(numDeletedRows);
}
