import { instanceId, type InstanceId } from '../domain/ids.ts';
import type { DriverName } from '../domain/resource.ts';
import type { Observed } from '../domain/rollout.ts';
import type { Db } from './open.ts';

/** What decides whether an instance is as it should be. Nothing is parsed for it, so no bad row hides the others. */
export interface Watched {
  readonly id: InstanceId;
  readonly wanted: string;
  readonly isBusy: boolean;
  readonly isDeleted: boolean;
  readonly isObservable: boolean;
  readonly replicas: number;
  readonly servingRollout?: number;
  readonly outOfService?: number;
}

const watched = (db: Db) =>
  db
    .selectFrom('instances')
    .select([
      'id',
      'wanted',
      'activity',
      'delete_time',
      'observable',
      'replicas',
      'serving_rollout',
      'out_of_service_rollout',
    ]);

type Row = Awaited<ReturnType<ReturnType<typeof watched>['executeTakeFirstOrThrow']>>;

const toWatched = (row: Row): Watched => ({
  id: instanceId(row.id),
  wanted: row.wanted,
  isBusy: row.activity !== null,
  isDeleted: row.delete_time !== null,
  isObservable: row.observable === 1,
  replicas: row.replicas,
  ...(row.serving_rollout !== null && { servingRollout: row.serving_rollout }),
  ...(row.out_of_service_rollout !== null && { outOfService: row.out_of_service_rollout }),
});

/** Also of one whose deletion is done. */
export async function findWatched(db: Db, id: InstanceId): Promise<Watched | undefined> {
  const row = await watched(db).where('id', '=', id).executeTakeFirst();
  return row && toWatched(row);
}

/**
 * Live ones of a driver in steps of `limit`, by id, after `after`; only those that have replicas or may have, or all:
 * the others look to a target as they did.
 */
export async function listWatched(
  db: Db,
  {
    driver,
    areAll,
    limit,
    after,
  }: {
    readonly driver: DriverName;
    readonly areAll: boolean;
    readonly limit: number;
    readonly after?: InstanceId | undefined;
  },
): Promise<readonly Watched[]> {
  const rows = await watched(db)
    .where('driver', '=', driver)
    .where('delete_time', 'is', null)
    .$if(!areAll, (query) =>
      query.where('id', 'in', (eb) =>
        eb
          .selectFrom('replicas')
          .select('replicas.instance_id')
          .union(
            eb
              .selectFrom('rollouts')
              .select('rollouts.instance_id')
              .where('rollouts.retire_time', 'is', null),
          ),
      ),
    )
    .$if(after !== undefined, (query) => query.where('id', '>', after ?? ''))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(toWatched);
}

/** What is stored of the replicas of each, as `textOf` writes it; an instance without is not in it. */
export async function listSeenTexts(
  db: Db,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, string>> {
  if (instances.length === 0) return new Map();
  const rows = await db
    .selectFrom('replicas')
    .select(['instance_id', 'observed_json'])
    .where('instance_id', 'in', instances)
    .orderBy('instance_id')
    .orderBy('rollout')
    .orderBy('ordinal')
    .execute();
  const byInstance = Map.groupBy(rows, (row) => instanceId(row.instance_id));
  return new Map([...byInstance].map(([id, some]) => [id, some.map((row) => row.observed_json).join('\n')]));
}

/** To be compared with what is stored: whether a look tells anything new. */
export const textOf = (seen: readonly Observed[]): string =>
  seen
    .toSorted((one, other) => one.rollout - other.rollout || one.ordinal - other.ordinal)
    .map((one) => JSON.stringify(one))
    .join('\n');
