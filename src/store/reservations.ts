import { nothing, type Size } from '../domain/capacity.ts';
import {
  instanceId,
  projectId,
  releaseId,
  type InstanceId,
  type ProjectId,
  type ReleaseId,
} from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';

const LOCK = 'quota-lock';

/** Until the end of the transaction: two requests at once must not see the same room free. */
export async function holdQuotas(tx: Tx): Promise<void> {
  await tx
    .insertInto('facts')
    .values({ name: LOCK, value: '' })
    .onConflict((on) => on.doNothing())
    .execute();
  await tx.selectFrom('facts').select('name').where('name', '=', LOCK).forUpdate().execute();
}

/** What instances are promised: of cores and memory, and how many replicas may have disk and log. */
export interface Held extends Size {
  readonly replicas: number;
}

/** What is added until the update that is under way has ended. */
export interface Promised extends Held {
  readonly surge: Size;
}

export async function findReservation(db: Db, instance: InstanceId): Promise<Held | undefined> {
  const row = await db
    .selectFrom('reservations')
    .select(['cpu_millis', 'memory_bytes', 'replicas'])
    .where('instance_id', '=', instance)
    .executeTakeFirst();
  return row && { cpuMillis: row.cpu_millis, memoryBytes: row.memory_bytes, replicas: row.replicas };
}

export async function putReservation(
  tx: Tx,
  { id, project }: { readonly id: InstanceId; readonly project: ProjectId },
  { cpuMillis, memoryBytes, replicas }: Held,
  surge: Size = nothing,
): Promise<void> {
  const size = {
    cpu_millis: cpuMillis,
    memory_bytes: memoryBytes,
    replicas,
    surge_cpu_millis: surge.cpuMillis,
    surge_memory_bytes: surge.memoryBytes,
  };
  await tx
    .insertInto('reservations')
    .values({ instance_id: id, project_id: project, ...size })
    .onConflict((on) => on.column('instance_id').doUpdateSet(size))
    .execute();
}

export async function deleteReservation(tx: Tx, instance: InstanceId): Promise<void> {
  await tx.deleteFrom('reservations').where('instance_id', '=', instance).execute();
}

/** Of a project, or where none is named of all. */
export async function sumReservations(db: Db, project?: ProjectId): Promise<Promised> {
  const row = await db
    .selectFrom('reservations')
    .select((eb) => [
      eb.fn.sum<number | string | null>('cpu_millis').as('cpu'),
      eb.fn.sum<number | string | null>('memory_bytes').as('memory'),
      eb.fn.sum<number | string | null>('replicas').as('replicas'),
      eb.fn.sum<number | string | null>('surge_cpu_millis').as('surgeCpu'),
      eb.fn.sum<number | string | null>('surge_memory_bytes').as('surgeMemory'),
    ])
    .$if(project !== undefined, (query) => query.where('project_id', '=', project ?? ''))
    .executeTakeFirstOrThrow();
  return {
    cpuMillis: Number(row.cpu ?? 0),
    memoryBytes: Number(row.memory ?? 0),
    replicas: Number(row.replicas ?? 0),
    surge: { cpuMillis: Number(row.surgeCpu ?? 0), memoryBytes: Number(row.surgeMemory ?? 0) },
  };
}

export async function countInstances(db: Db, project: ProjectId): Promise<number> {
  const { count } = await db
    .selectFrom('instances')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('project_id', '=', project)
    .where('delete_time', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Of users, that wait or are under way. */
export async function countOpenJobs(db: Db, project: ProjectId): Promise<number> {
  const { count } = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('project_id', '=', project)
    .where('internal', '=', 0)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function sumPackages(db: Db, project: ProjectId): Promise<number> {
  const { bytes } = await db
    .selectFrom('packages')
    .select((eb) => eb.fn.sum<number | string | null>('size').as('bytes'))
    .where('project_id', '=', project)
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0);
}

/** Of the packages that releases of the project are made of, each counted once. */
export async function sumReleases(db: Db, project: ProjectId): Promise<number> {
  const { bytes } = await db
    .selectFrom('artifacts')
    .select((eb) => eb.fn.sum<number | string | null>('size').as('bytes'))
    .where('digest', 'in', (query) =>
      query
        .selectFrom('releases')
        .select('digest')
        .where('project_id', '=', project)
        .where('digest', 'is not', null)
        .$narrowType<{ digest: string }>(),
    )
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0);
}

export interface Unreserved {
  readonly id: InstanceId;
  readonly project: ProjectId;
  readonly replicas: number;
  readonly release: ReleaseId;
}

/** Running ones that a version before this table left without a reservation. */
export async function listUnreserved(db: Db): Promise<readonly Unreserved[]> {
  const rows = await db
    .selectFrom('instances')
    .leftJoin('reservations', 'reservations.instance_id', 'instances.id')
    .select(['instances.id', 'instances.project_id', 'instances.replicas', 'instances.serving_release_id'])
    .where('reservations.instance_id', 'is', null)
    .where('instances.delete_time', 'is', null)
    .where('instances.wanted', '=', 'running')
    .where('instances.serving_release_id', 'is not', null)
    .execute();
  return rows.map((row) => ({
    id: instanceId(row.id),
    project: projectId(row.project_id),
    replicas: row.replicas,
    release: releaseId(row.serving_release_id ?? ''),
  }));
}
