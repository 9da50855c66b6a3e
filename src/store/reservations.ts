import type { Size } from '../domain/quota.ts';
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

export async function findReservation(db: Db, instance: InstanceId): Promise<Size | undefined> {
  const row = await db
    .selectFrom('reservations')
    .select(['cpu_millis', 'memory_bytes'])
    .where('instance_id', '=', instance)
    .executeTakeFirst();
  return row && { cpuMillis: row.cpu_millis, memoryBytes: row.memory_bytes };
}

export async function putReservation(
  tx: Tx,
  { id, project }: { readonly id: InstanceId; readonly project: ProjectId },
  { cpuMillis, memoryBytes }: Size,
): Promise<void> {
  const size = { cpu_millis: cpuMillis, memory_bytes: memoryBytes };
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
export async function sumReservations(db: Db, project?: ProjectId): Promise<Size> {
  const row = await db
    .selectFrom('reservations')
    .select((eb) => [
      eb.fn.sum<number | string | null>('cpu_millis').as('cpu'),
      eb.fn.sum<number | string | null>('memory_bytes').as('memory'),
    ])
    .$if(project !== undefined, (query) => query.where('project_id', '=', project ?? ''))
    .executeTakeFirstOrThrow();
  return { cpuMillis: Number(row.cpu ?? 0), memoryBytes: Number(row.memory ?? 0) };
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
