import { Problem } from '../domain/errors.ts';
import type { Db, Tx } from './open.ts';

/** Whether a live instance of any project bears this host at the ingress. */
export async function isHostNameTaken(db: Db, hostName: string): Promise<boolean> {
  const row = await db
    .selectFrom('instances')
    .select('id')
    .where('host_name', '=', hostName)
    .where('delete_time', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}

const UID_LOCK = 'uid-lock';

/**
 * A numeric user that no live instance has, nor one of which something may still run. Rises through the range before it fills gaps, so that a user that was
 * just given up, whose files may still be there, is not given away at once.
 */
export async function nextUid(
  tx: Tx,
  range: { readonly from: number; readonly to: number },
): Promise<number> {
  // Two instances that are made at once must not see the same number free.
  await tx
    .insertInto('facts')
    .values({ name: UID_LOCK, value: '' })
    .onConflict((on) => on.doNothing())
    .execute();
  await tx.selectFrom('facts').select('name').where('name', '=', UID_LOCK).forUpdate().execute();
  const { last } = await tx
    .selectFrom('instances')
    .select((eb) => eb.fn.max('uid').as('last'))
    .where('uid', '>=', range.from)
    .where('uid', '<=', range.to)
    .executeTakeFirstOrThrow();
  if (last === null || last === undefined) return range.from;
  if (last < range.to) return last + 1;
  const rows = await tx
    .selectFrom('instances')
    .select('uid')
    .distinct()
    .where((eb) =>
      eb.or([
        eb('delete_time', 'is', null),
        eb.exists(
          eb
            .selectFrom('rollouts')
            .select('rollouts.number')
            .whereRef('rollouts.instance_id', '=', 'instances.id')
            .where('rollouts.retire_time', 'is', null),
        ),
      ]),
    )
    .where('uid', '>=', range.from)
    .where('uid', '<=', range.to)
    .orderBy('uid')
    .execute();
  let free = range.from;
  for (const { uid } of rows) {
    if (uid !== free) break;
    free += 1;
  }
  if (free <= range.to) return free;
  throw new Problem(
    'targetUnavailable',
    `All numeric users from ${range.from} to ${range.to} are in use by instances; delete some instances or widen the range.`,
  );
}
