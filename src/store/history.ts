import { sql } from 'kysely';
import type { Tx } from './open.ts';

/** Rollouts that nothing runs of since before `time`, the oldest first; what serves or rolls is none of them. */
export async function deleteRolloutsRetiredBefore(tx: Tx, time: number, limit: number): Promise<number> {
  const gone = await tx
    .selectFrom('rollouts')
    .innerJoin('instances', 'instances.id', 'rollouts.instance_id')
    .select(['rollouts.instance_id as instance', 'rollouts.number as number'])
    .where('rollouts.retire_time', '<', time)
    .where(({ eb, ref }) =>
      eb.not(
        eb.or([
          eb(sql<number>`coalesce(${ref('instances.serving_rollout')}, -1)`, '=', ref('rollouts.number')),
          eb(sql<number>`coalesce(${ref('instances.rolling_rollout')}, -1)`, '=', ref('rollouts.number')),
        ]),
      ),
    )
    .orderBy('rollouts.retire_time')
    .limit(limit)
    .execute();
  for (const { instance, number } of gone)
    await tx
      .deleteFrom('rollouts')
      .where('instance_id', '=', instance)
      .where('number', '=', number)
      .execute();
  return gone.length;
}

/**
 * Releases of before `time` that cannot be rolled back to: they never served, or others came after them. One that an
 * instance serves or asks for stays, and one whose rollout is still known.
 */
export async function deleteReleasesDroppedBefore(tx: Tx, time: number, limit: number): Promise<number> {
  const gone = await tx
    .selectFrom('releases')
    .innerJoin('instances', 'instances.id', 'releases.instance_id')
    .select('releases.id as id')
    // In the statement itself, or the partial index is not taken.
    .where('releases.kept', '=', sql.lit(0))
    .where('releases.create_time', '<', time)
    .where(({ eb, ref }) => eb('instances.requested_release_id', '<>', ref('releases.id')))
    .where(({ eb, ref }) =>
      eb.or([
        eb('instances.serving_release_id', 'is', null),
        eb('instances.serving_release_id', '<>', ref('releases.id')),
      ]),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('rollouts')
            .select('rollouts.number')
            .whereRef('rollouts.release_id', '=', 'releases.id'),
        ),
      ),
    )
    .orderBy('releases.create_time')
    .limit(limit)
    .execute();
  if (gone.length === 0) return 0;
  const ids = gone.map(({ id }) => id);
  await tx.deleteFrom('releases').where('id', 'in', ids).execute();
  return gone.length;
}
