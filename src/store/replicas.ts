import type { Selectable } from 'kysely';
import type { InstanceId, ProjectId } from '../domain/ids.ts';
import type { Observed, ReplicaId } from '../domain/rollout.ts';
import { isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import type { Tables } from './tables.ts';

const isObserved = isShape<Observed>({
  instance: 'string',
  rollout: 'number',
  ordinal: 'number',
  host: 'string',
  state: 'string',
  restarts: 'number',
  readiness: 'object',
});

const toObserved = (row: Pick<Selectable<Tables['replicas']>, 'observed_json'>): Observed =>
  parseJson(row.observed_json, 'replicas.observed_json', isObserved);

/** Stores what was seen of each; the newest look replaces the one before. */
export async function upsertReplicas(
  tx: Tx,
  project: ProjectId,
  observed: readonly Observed[],
  time: number,
): Promise<void> {
  for (const one of observed) {
    const seen = {
      host_id: one.host,
      address_host: one.address?.host ?? null,
      address_port: one.address?.port ?? null,
      state: one.state,
      ready: one.readiness.ready ? 1 : 0,
      observed_json: JSON.stringify(one),
      observe_time: time,
    };
    await tx
      .insertInto('replicas')
      .values({
        instance_id: one.instance,
        rollout: one.rollout,
        ordinal: one.ordinal,
        project_id: project,
        ...seen,
      })
      .onConflict((on) => on.columns(['instance_id', 'rollout', 'ordinal']).doUpdateSet(seen))
      .execute();
  }
}

/** Forgets what was seen before that time and not since. What others have seen meanwhile stays. */
export async function deleteReplicasUnseen(
  tx: Tx,
  instance: InstanceId,
  seen: readonly ReplicaId[],
  before: number,
): Promise<void> {
  const names = new Set(seen.map(({ rollout, ordinal }) => `${rollout}/${ordinal}`));
  const rows = await tx
    .selectFrom('replicas')
    .select(['rollout', 'ordinal'])
    .where('instance_id', '=', instance)
    .where('observe_time', '<', before)
    .execute();
  for (const { rollout, ordinal } of rows.filter((row) => !names.has(`${row.rollout}/${row.ordinal}`)))
    await tx
      .deleteFrom('replicas')
      .where('instance_id', '=', instance)
      .where('rollout', '=', rollout)
      .where('ordinal', '=', ordinal)
      .execute();
}

/** Of all its rollouts, in order of rollout and ordinal. */
export async function listReplicas(db: Db, instance: InstanceId): Promise<readonly Observed[]> {
  const rows = await db
    .selectFrom('replicas')
    .select('observed_json')
    .where('instance_id', '=', instance)
    .orderBy('rollout')
    .orderBy('ordinal')
    .execute();
  return rows.map(toObserved);
}

/** As `listReplicas`, of many; an instance without is not in it. */
export async function listReplicasOf(
  db: Db,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, readonly Observed[]>> {
  if (instances.length === 0) return new Map();
  const rows = await db
    .selectFrom('replicas')
    .select('observed_json')
    .where('instance_id', 'in', instances)
    .orderBy('instance_id')
    .orderBy('rollout')
    .orderBy('ordinal')
    .execute();
  return Map.groupBy(rows.map(toObserved), ({ instance }) => instance);
}

/** Forgets the replicas of a rollout with an ordinal of `keep` or above; without `keep`, all. */
export async function deleteReplicas(tx: Tx, instance: InstanceId, rollout: number, keep = 0): Promise<void> {
  await tx
    .deleteFrom('replicas')
    .where('instance_id', '=', instance)
    .where('rollout', '=', rollout)
    .where('ordinal', '>=', keep)
    .execute();
}

/** Forgets all of an instance. */
export async function deleteReplicasOfInstance(tx: Tx, instance: InstanceId): Promise<void> {
  await tx.deleteFrom('replicas').where('instance_id', '=', instance).execute();
}
