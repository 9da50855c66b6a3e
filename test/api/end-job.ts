import assert from 'node:assert/strict';
import { instanceId, jobId, type JobId } from '../../src/domain/ids.ts';
import { findInstance, updateInstance } from '../../src/store/instances.ts';
import type { Tx } from '../../src/store/open.ts';
import { serveRelease } from '../../src/store/releases.ts';
import type { Answer, Stage } from './stage.ts';

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

/** What a job would have done: the requested release serves, the job has succeeded. */
export async function served(stage: Stage, accepted: Answer, rollout = 1): Promise<void> {
  const id = instanceId(accepted.text('instance_id'));
  await stage.store.write(async (tx) => {
    const instance = await findInstance(tx, id);
    assert.ok(instance);
    const release = instance.requestedRelease;
    await serveRelease(tx, { instance: id, release, rollout, time: stage.services.now(), keep: 20 });
    await updateInstance(tx, id, {
      activity: null,
      health: { healthy: instance.replicas, observable: true },
    });
    await endJob(tx, jobId(accepted.text('job_id')), 'succeeded');
  });
}
