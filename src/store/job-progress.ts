import type { ExpressionBuilder } from 'kysely';
import type { Problem } from '../domain/errors.ts';
import { type InstanceId, type JobId, jobId } from '../domain/ids.ts';
import { canMove, type TaskState } from '../domain/job.ts';
import { type Claim, type Fence, holdFence, isHeldByEnded, type Sign } from './job-leases.ts';
import { type JobProblem, taskStates } from './jobs.ts';
import type { Tx } from './open.ts';
import type { Tables } from './tables.ts';

/** What is kept of a failure: enough to understand it a month later, and no more. */
const MAX_LOG_LINES = 50;
const MAX_LINE_CHARACTERS = 1_000;
const MAX_MESSAGE_CHARACTERS = 4_000;

export function describeProblem(problem: Problem, failedTask: string | undefined): JobProblem {
  return {
    code: problem.code,
    message: problem.message.slice(0, MAX_MESSAGE_CHARACTERS),
    failed_task: failedTask ?? null,
    exit: problem.evidence.exit ?? null,
    log: (problem.evidence.log ?? []).slice(-MAX_LOG_LINES).map((line) => line.slice(0, MAX_LINE_CHARACTERS)),
  };
}

/** The last task's messages on failure, and those of the task that failed. */
const toMessages = ({ message, failed_task, exit, log }: JobProblem): string =>
  JSON.stringify({ message, failed_task, exit, log });

export interface TaskMove {
  readonly position: number;
  readonly to: TaskState;
  /** Absent: they stay. */
  readonly messages?: string;
  /** The worker that begins it. */
  readonly owner?: string;
}

/** One write per transition: the fence, and all moves that belong together. */
export async function moveTasks(tx: Tx, fence: Fence, sign: Sign, moves: readonly TaskMove[]): Promise<void> {
  await holdFence(tx, fence, sign);
  for (const move of moves) await moveTask(tx, fence.job, move, sign.now);
}

/** For transactions that hold the fence already. */
export async function moveTask(
  tx: Tx,
  job: JobId,
  { position, to, messages, owner }: TaskMove,
  now: number,
): Promise<void> {
  const moved = await tx
    .updateTable('tasks')
    .set((set) => ({
      state: to,
      update_time: now,
      ...(to === 'running' && { attempts: set('attempts', '+', 1) }),
      ...(messages !== undefined && { messages: messages.slice(0, MAX_MESSAGES_CHARACTERS) }),
      ...(owner !== undefined && { owner }),
    }))
    .where('job_id', '=', job)
    .where('position', '=', position)
    .where(
      'state',
      'in',
      // `to` itself too: a commit whose answer was lost is repeated.
      taskStates.filter((from) => from === to || canMove(from, to)),
    )
    .executeTakeFirst();
  if (moved.numUpdatedRows !== 1n) {
    throw new Error(`Task ${position} of job ${job} cannot become ${to} from the state that it is in.`);
  }
}

/** Of all that a problem keeps, as JSON text. */
const MAX_MESSAGES_CHARACTERS = 120_000;

/** Beside a heartbeat: what the running task says of itself. */
export async function noteProgress(tx: Tx, job: JobId, position: number, messages: string): Promise<void> {
  await tx
    .updateTable('tasks')
    .set({ messages: messages.slice(0, MAX_MESSAGE_CHARACTERS) })
    .where('job_id', '=', job)
    .where('position', '=', position)
    .where('state', '=', 'running')
    .execute();
}

/** From now on the job goes backwards, whatever is killed. */
export async function enterUndo(tx: Tx, fence: Fence, sign: Sign, problem: JobProblem): Promise<void> {
  await holdFence(tx, fence, sign, { phase: 'undo', problem_json: JSON.stringify(problem) });
  await closeTasks(tx, fence.job, problem, sign.now, 'others');
}

export type Ending =
  | { readonly state: 'succeeded' }
  | {
      readonly state: 'failed';
      readonly problem: JobProblem;
      /** Its worker still has a task that did not stop: no other job of the instance may begin. */
      readonly isHeldOn?: boolean;
    };

/** Ends the job and gives its lease back, in one write with the last moves and with what its kind does at the end. */
export async function endJob(
  tx: Tx,
  fence: Fence,
  sign: Sign,
  ending: Ending,
  moves: readonly TaskMove[] = [],
): Promise<void> {
  const hasFailed = ending.state === 'failed';
  await holdFence(tx, fence, sign, {
    state: ending.state,
    end_time: sign.now,
    ...(hasFailed && { problem_json: JSON.stringify(ending.problem) }),
    ...(!(hasFailed && ending.isHeldOn === true) && { lease_owner: null }),
  });
  for (const move of moves) await moveTask(tx, fence.job, move, sign.now);
  if (ending.state === 'failed') await closeTasks(tx, fence.job, ending.problem, sign.now, 'all');
  else await closeLast(tx, fence.job, 'succeeded', '', sign.now);
}

/** Ends an open job that still waits for the worker of an ended one, without working on it. False where it no longer does. */
export async function endWaiting(tx: Tx, claim: Claim, problem: JobProblem, now: number): Promise<boolean> {
  const ended = await tx
    .updateTable('jobs')
    .set({
      state: 'failed',
      lease_epoch: claim.epoch + 1,
      problem_json: JSON.stringify(problem),
      end_time: now,
      update_time: now,
    })
    .where('id', '=', claim.job)
    .where('state', '=', 'running')
    .where('lease_owner', 'is', null)
    .where('lease_epoch', '=', claim.epoch)
    .where(isHeldByEnded)
    .executeTakeFirst();
  if (ended.numUpdatedRows !== 1n) return false;
  await closeTasks(tx, claim.job, problem, now, 'all');
  return true;
}

/**
 * Ends the open jobs of an instance as failed, because another request takes their place. A worker that is at one
 * of them can write no more, but keeps its hold until its task has stopped, so the next job begins only then.
 */
export async function preempt(
  tx: Tx,
  instance: InstanceId,
  problem: Problem,
  { now, onlyInternal = false }: { readonly now: number; readonly onlyInternal?: boolean },
): Promise<readonly JobId[]> {
  const kept = describeProblem(problem, undefined);
  const ended = await tx
    .updateTable('jobs')
    .set((set) => ({
      state: 'failed',
      lease_epoch: set('lease_epoch', '+', 1),
      problem_json: JSON.stringify(kept),
      end_time: now,
      update_time: now,
    }))
    .where('instance_id', '=', instance)
    .where('state', '=', 'running')
    .where('internal', 'in', onlyInternal ? [1] : [0, 1])
    .returning('id')
    .execute();
  const ids = ended.map(({ id }) => jobId(id));
  for (const id of ids) await closeTasks(tx, id, kept, now, 'all');
  return ids;
}

/** The instance of a job whose kind nobody knows any more: it must not look busy for ever. */
export async function clearActivity(tx: Tx, instance: InstanceId): Promise<void> {
  await tx.updateTable('instances').set({ activity: null }).where('id', '=', instance).execute();
}

/** What runs has failed, what waits is never reached; with `all` the last task too, which stands for the job. */
async function closeTasks(
  tx: Tx,
  job: JobId,
  problem: JobProblem,
  now: number,
  which: 'others' | 'all',
): Promise<void> {
  const messages = toMessages(problem);
  await tx
    .updateTable('tasks')
    .set({ state: 'failed', messages, update_time: now })
    .where('job_id', '=', job)
    .where('state', '=', 'running')
    .where('position', '<', lastOf(job))
    .execute();
  await tx
    .updateTable('tasks')
    .set({ state: 'skipped', update_time: now })
    .where('job_id', '=', job)
    .where('state', '=', 'waiting')
    .execute();
  if (which === 'all') await closeLast(tx, job, 'failed', messages, now);
}

async function closeLast(
  tx: Tx,
  job: JobId,
  state: 'succeeded' | 'failed',
  messages: string,
  now: number,
): Promise<void> {
  await tx
    .updateTable('tasks')
    .set({ state, messages, update_time: now })
    .where('job_id', '=', job)
    .where('position', '=', lastOf(job))
    .where('state', '=', 'running')
    .execute();
}

/** Where the task stands that stands for the job. */
const lastOf = (job: JobId) => (tasks: ExpressionBuilder<Tables, 'tasks'>) =>
  tasks
    .selectFrom('tasks')
    .select((one) => one.fn.max('position').as('last'))
    .where('job_id', '=', job);
