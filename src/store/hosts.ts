import { hostId, type HostId } from '../domain/ids.ts';
import type { Resource } from '../domain/resource.ts';
import type { Db, Tx } from './open.ts';

/** A machine that runs replicas; an `ecs` resource bears its id. */
export interface Host {
  readonly id: HostId;
  readonly name: string;
  readonly createTime: number;
}

/** Once, at its first start; its name may change later. */
export async function upsertHost(tx: Tx, host: Host): Promise<void> {
  await tx
    .insertInto('hosts')
    .values({ id: host.id, name: host.name, create_time: host.createTime })
    .onConflict((on) => on.column('id').doUpdateSet({ name: host.name }))
    .execute();
}

/** The oldest first. */
export async function listHosts(db: Db): Promise<readonly Host[]> {
  const rows = await db.selectFrom('hosts').selectAll().orderBy('create_time').orderBy('id').execute();
  return rows.map((row) => ({ id: hostId(row.id), name: row.name, createTime: row.create_time }));
}

/** How many replicas were last seen on each host. */
export async function countReplicasByHost(db: Db): Promise<ReadonlyMap<HostId, number>> {
  const rows = await db
    .selectFrom('replicas')
    .select((eb) => ['host_id', eb.fn.countAll<number>().as('count')])
    .groupBy('host_id')
    .execute();
  return new Map(rows.map((row) => [hostId(row.host_id), row.count]));
}

export async function deleteHost(tx: Tx, id: HostId): Promise<void> {
  await tx.deleteFrom('hosts').where('id', '=', id).execute();
}

/** Those that the base resources of an environment name; where they name none of ours, they stand in on all. */
export async function listHostsAmong(db: Db, baseResources: readonly Resource[]): Promise<readonly HostId[]> {
  const all = (await listHosts(db)).map(({ id }) => id);
  const own = all.filter((id) =>
    baseResources.some((resource) => resource.type === 'ecs' && resource.id === id),
  );
  return own.length > 0 ? own : all;
}
