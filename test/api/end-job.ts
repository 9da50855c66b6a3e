import type { JobId } from '../../src/domain/ids.ts';
import type { Tx } from '../../src/store/open.ts';

/** Stands for the engine, which has no part here. */
export async function endJob(tx: Tx, job: JobId, state: 'succeeded' | 'failed', message = ''): Promise<void> {
  const problem = { code: 'runtimeMissing', message, failed_task: 'check-target', exit: null, log: [] };
  await tx
    .updateTable('jobs')
    .set({ state, end_time: 1, problem_json: state === 'failed' ? JSON.stringify(problem) : null })
    .where('id', '=', job)
    .execute();
  await tx
    .updateTable('tasks')
    .set({ state })
    .where('job_id', '=', job)
    .where('state', '=', 'running')
    .execute();
}
