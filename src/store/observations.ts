import type { InstanceId, ProjectId } from '../domain/ids.ts';
import type { Look } from '../domain/look.ts';
import type { DriverName } from '../domain/resource.ts';
import type { ReplicaId } from '../domain/rollout.ts';
import type { Db, Tx } from './open.ts';
import { upsertReplicas } from './replicas.ts';

/** The last moment that anything observed is from. */
export async function lastMoment(db: Db): Promise<number> {
  const { last } = await db
    .selectFrom('instances')
    .select((eb) => eb.fn.max<number | null>('look').as('last'))
    .executeTakeFirstOrThrow();
  return last ?? 0;
}

/**
 * Replaces what is known of an instance's replicas by what a look saw. False, and nothing is written, where something
 * is known that may be newer, or the instance is gone. The row is held, so of two at once the second sees the first.
 */
export async function recordLook(
  tx: Tx,
  instance: { readonly id: InstanceId; readonly project: ProjectId },
  look: Look,
  time: number,
): Promise<boolean> {
  if (!(await advanceLook(tx, instance.id, { knownAt: look.begun, to: look.ended }))) return false;
  await deleteOthers(tx, instance.id, look.seen);
  await upsertReplicas(tx, instance.project, look.seen, time);
  return true;
}

/** Where nothing is known from after `knownAt`; the row is held. */
async function advanceLook(
  tx: Tx,
  instance: InstanceId,
  { knownAt, to }: { readonly knownAt: number; readonly to: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('instances')
    .set({ look: to })
    .where('id', '=', instance)
    .where('delete_time', 'is', null)
    .where('look', '<=', knownAt)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function deleteOthers(tx: Tx, instance: InstanceId, seen: readonly ReplicaId[]): Promise<void> {
  const names = new Set(seen.map(({ rollout, ordinal }) => `${rollout}/${ordinal}`));
  const rows = await tx
    .selectFrom('replicas')
    .select(['rollout', 'ordinal'])
    .where('instance_id', '=', instance)
    .execute();
  for (const { rollout, ordinal } of rows.filter((row) => !names.has(`${row.rollout}/${row.ordinal}`)))
    await tx
      .deleteFrom('replicas')
      .where('instance_id', '=', instance)
      .where('rollout', '=', rollout)
      .where('ordinal', '=', ordinal)
      .execute();
}

/** Replicas of a rollout from ordinal `keep` on have ended, at `moment` at the latest: no look from before brings them back. */
export async function forgetReplicas(
  tx: Tx,
  ended: { readonly instance: InstanceId; readonly rollout: number; readonly keep?: number },
  moment: number,
): Promise<void> {
  const { instance, rollout, keep = 0 } = ended;
  await advanceLook(tx, instance, { knownAt: moment, to: moment });
  await tx
    .deleteFrom('replicas')
    .where('instance_id', '=', instance)
    .where('rollout', '=', rollout)
    .where('ordinal', '>=', keep)
    .execute();
}

/** A look that found nobody: of what should run on the driver nothing is known, but what a later look tells. */
export async function markUnobservable(
  tx: Tx,
  driver: DriverName,
  { begun, ended }: Pick<Look, 'begun' | 'ended'>,
): Promise<void> {
  await tx
    .updateTable('instances')
    .set({ observable: 0, look: ended })
    .where('driver', '=', driver)
    .where('delete_time', 'is', null)
    .where('wanted', '=', 'running')
    .where('observable', '=', 1)
    .where('look', '<=', begun)
    .execute();
}
