import type { InstanceId } from '../domain/ids.ts';
import type { Tx } from './open.ts';

const AT_ONCE = 100;

/** Forgets the platform's own ended jobs of an instance but for the newest `keep`: a fault that lasts fills no table. */
export async function forgetRepairsBeyond(tx: Tx, instance: InstanceId, keep: number): Promise<void> {
  const rows = await tx
    .selectFrom('jobs')
    .select('id')
    .where('instance_id', '=', instance)
    .where('internal', '=', 1)
    .where('state', '!=', 'running')
    .where('lease_owner', 'is', null)
    .orderBy('create_time', 'desc')
    .orderBy('id', 'desc')
    .offset(keep)
    .limit(AT_ONCE)
    .execute();
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await tx.deleteFrom('tasks').where('job_id', 'in', ids).execute();
  await tx.deleteFrom('jobs').where('id', 'in', ids).execute();
}
