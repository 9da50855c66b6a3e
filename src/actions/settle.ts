import type { Problem } from '../domain/errors.ts';
import type { Job } from '../domain/job.ts';
import type { Kind } from '../jobs/kind.ts';
import { findInstance, updateInstance } from '../store/instances.ts';
import { settleReservation } from './admission.ts';
import type { Tx } from '../store/open.ts';
import type { Parts } from '../tasks/parts.ts';

/** What every user's job leaves behind when it ends: an idle instance, with the description that was asked for. */
export const settled: Pick<Kind<Parts>, 'succeeded' | 'failed'> = {
  async succeeded(tx: Tx, { instance, plan }: Job) {
    await updateInstance(tx, instance, {
      activity: null,
      ...(plan.description !== undefined && { description: plan.description }),
    });
    await settleReservation(tx, instance);
  },
  async failed(tx: Tx, { instance }: Job, problem: Problem) {
    const row = await findInstance(tx, instance);
    if (!row) return;
    const neverServed = row.servingRelease === undefined;
    await updateInstance(tx, instance, {
      activity: null,
      rolling: null,
      outOfService: null,
      ...(row.servingRelease !== undefined && { requestedRelease: row.servingRelease }),
      ...(neverServed && { health: { healthy: 0, observable: true, detail: problem.message } }),
    });
    await settleReservation(tx, instance);
  },
};

/** A job that only says that there was nothing to do; it still has its one task. */
export const noEffect: Kind<Parts> = { name: 'no-effect', tasks: [], ...settled };
