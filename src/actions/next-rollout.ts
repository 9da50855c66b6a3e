import type { ReleaseId } from '../domain/ids.ts';
import type { Plan } from '../domain/job.ts';
import { updateInstance, type Instance } from '../store/instances.ts';
import type { Tx } from '../store/open.ts';
import { insertRollout } from '../store/rollouts.ts';

/** Puts a release on its way into service: every create, change, rollback, start and restart makes a rollout of its own. */
export async function nextRollout(
  tx: Tx,
  instance: Instance,
  release: ReleaseId,
  now: number,
): Promise<Required<Pick<Plan, 'next'>>> {
  const rollout = await insertRollout(tx, {
    instance: instance.id,
    project: instance.project,
    release,
    createTime: now,
  });
  await updateInstance(tx, instance.id, { requestedRelease: release });
  return { next: { rollout, release } };
}
