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
 * A numeric user that no live instance has, nor one of which something may still run. Goes round through the range, so
 * that a user that was just given up, whose files may still be there, is the last to be given away again.
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
  const { value } = await tx
    .selectFrom('facts')
    .select('value')
    .where('name', '=', UID_LOCK)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const last = value === '' ? await highestUid(tx, range) : Number(value);
  const start = last >= range.from && last < range.to ? last + 1 : range.from;
  const free =
    (await firstFree(tx, { from: start, to: range.to })) ??
    (await firstFree(tx, { from: range.from, to: start - 1 }));
  if (free === undefined) {
    throw new Problem(
      'targetUnavailable',
      `All numeric users from ${range.from} to ${range.to} are in use by instances; delete some instances or widen the range.`,
    );
  }
  await tx
    .updateTable('facts')
    .set({ value: String(free) })
    .where('name', '=', UID_LOCK)
    .execute();
  return free;
}

/** Where a version before this one, which wrote down no last one, had got to. */
async function highestUid(tx: Tx, range: { readonly from: number; readonly to: number }): Promise<number> {
  const { last } = await tx
    .selectFrom('instances')
    .select((eb) => eb.fn.max('uid').as('last'))
    .where('uid', '>=', range.from)
    .where('uid', '<=', range.to)
    .executeTakeFirstOrThrow();
  return last ?? range.from - 1;
}

const inUse = (tx: Tx, range: { readonly from: number; readonly to: number }) =>
  tx
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
    .orderBy('uid');

async function firstFree(
  tx: Tx,
  range: { readonly from: number; readonly to: number },
): Promise<number | undefined> {
  if (range.from > range.to) return undefined;
  // Nearly always the very next one is.
  const isNextUsed = (await inUse(tx, { from: range.from, to: range.from }).execute()).length > 0;
  if (!isNextUsed) return range.from;
  const rows = await inUse(tx, range).execute();
  let free = range.from;
  for (const { uid } of rows) {
    if (uid !== free) break;
    free += 1;
  }
  return free <= range.to ? free : undefined;
}
