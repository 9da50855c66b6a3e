import { randomUUID } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import { type InstanceId, type JobId, jobId, type ProjectId, type TaskId, taskId } from '../domain/ids.ts';
import { jobKinds, type JobKind, type Plan } from '../domain/job.ts';
import { findOpenUserJob, insertJob } from '../store/jobs.ts';
import { preempt } from '../store/job-progress.ts';
import type { Tx } from '../store/open.ts';
import { FINISH, MAX_TASKS } from './kind.ts';

/** Where new ids come from; passed in, so that a test can say them. */
export interface JobIds {
  job(): JobId;
  task(): TaskId;
}

export const randomJobIds: JobIds = {
  job: () => jobId(`JOB${randomUUID()}`),
  task: () => taskId(`Task-${randomUUID()}`),
};

export interface JobRequest {
  readonly kind: JobKind;
  readonly plan: Plan;
  readonly project: ProjectId;
  readonly instance: InstanceId;
  /** Id of the user, or the platform's own name. */
  readonly createdBy: string;
  /** Of caller, method, path and body: recognises the same request while the job is open. */
  readonly requestHash?: string;
  readonly ids: JobIds;
  /** `taskNamesOf(kind)`: without the last one, which is added here. */
  readonly taskNames: readonly string[];
  /** By default what domain/job.ts says of the kind. */
  readonly internal?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Writes a job and all its tasks, in the caller's transaction; wake the engine once that is committed.
 * The platform's own open jobs on the instance yield to a user's. If a user's job is open there already: `instanceBusy`.
 */
export async function openJob(tx: Tx, request: JobRequest): Promise<JobId> {
  const { kind, plan, project, instance, createdBy, requestHash, ids, now } = request;
  const isInternal = request.internal ?? jobKinds[kind].internal;
  const names = [...request.taskNames, FINISH];
  if (new Set(names).size !== names.length || names.length > MAX_TASKS) {
    throw new Error(
      `The job ${kind} would have the tasks ${names.join(', ')}; expected different names, at most ${MAX_TASKS}, and "${FINISH}" only where the engine adds it.`,
    );
  }
  if (!isInternal) {
    const problem = new Problem(
      'preempted',
      `The repair of instance ${instance} made way for a request (${kind}); nothing is to be done.`,
    );
    await preempt(tx, instance, problem, { now, onlyInternal: true });
  }
  const id = ids.job();
  const job = {
    id,
    project,
    instance,
    kind,
    plan,
    createdBy,
    isInternal,
    createTime: now,
    ...(requestHash !== undefined && { requestHash }),
  };
  const isInserted = await insertJob(
    tx,
    job,
    names.map((name) => ({ id: ids.task(), name })),
  );
  if (!isInserted) {
    const open = await findOpenUserJob(tx, instance);
    throw new Problem(
      'instanceBusy',
      `Instance ${instance} is being changed by job ${open?.id ?? '(just ended)'}; wait until it ends, then repeat the request.`,
    );
  }
  return id;
}
