import type { Selectable } from 'kysely';
import type { InstanceId, ProjectId } from '../domain/ids.ts';
import type { Observed } from '../domain/rollout.ts';
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

/** Stores what was seen of each, whatever is known of it: whether that is older is for `recordLook` to say. */
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

/** Forgets all of an instance. */
export async function deleteReplicasOfInstance(tx: Tx, instance: InstanceId): Promise<void> {
  await tx.deleteFrom('replicas').where('instance_id', '=', instance).execute();
}
