import type { Problem } from '../domain/errors.ts';
import type { Job, JobKind, Plan } from '../domain/job.ts';
import type { Tx } from '../store/open.ts';

/** Why a task was told to stop. Only after `deadline` is what it did undone now; after the others the job, or its end, is another's matter. */
export type StopReason =
  | 'shutdown' // the platform stops; the job goes on later, from this task
  | 'lost' // the lease could not be proven in time, or another worker has it
  | 'preempted' // a deletion took the job's place
  | 'deadline'; // the time of this phase is used up

/** The reason of a task's stop signal. A task may rethrow it. */
export class Stopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`The task was told to stop (${reason}).`);
    this.name = 'Stopped';
    this.reason = reason;
  }
}

export function stopReason(stop: AbortSignal): StopReason | undefined {
  const reason: unknown = stop.reason;
  return reason instanceof Stopped ? reason.reason : undefined;
}

/** What a task gets. `Parts` are the live things that main.ts built; the engine does not look at them. */
export interface TaskContext<Parts> {
  readonly job: Job;
  readonly plan: Plan;
  readonly parts: Parts;
  /** How often this step was begun, counted from 1; for drivers that name each call. */
  readonly attempt: number;
  /** Aborts when the lease is lost, the job is pre-empted, the deadline passes or the platform stops; see `stopReason`. */
  readonly stop: AbortSignal;
  /**
   * A write that carries the lease's fence: a worker that lost its lease changes nothing.
   * Repeated by itself while the store is unavailable, so `work` changes nothing but rows.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Shown in the task's MESSAGES while it runs; not durable. */
  progress(message: string): void;
}

/**
 * A named step of a job. It may run any number of times and finds what it already did.
 * A thrown Problem is final; one that is passing is waited for, and anything else is tried again within limits.
 */
export interface Task<Parts> {
  /** Stored with the job: never renamed. Not "finish": that one is the engine's. */
  readonly name: string;
  run(context: TaskContext<Parts>): Promise<void>;
  /** Takes back what `run` may have done, also in part. Tried again until the time for undoing is used up. */
  undo?(context: TaskContext<Parts>): Promise<void>;
  /** Once it has begun, no failure undoes the job any more, its own included: how far it came may not be known. */
  readonly pointOfNoReturn?: boolean;
}

export interface Kind<Parts> {
  readonly name: JobKind;
  /** In order, without the last one that stands for the job: the engine adds it. At most 19. */
  readonly tasks: readonly Task<Parts>[];
  /** In the transaction that ends the job. A Problem fails the job, and its tasks are undone. */
  succeeded(tx: Tx, job: Job): Promise<void>;
  /** In the transaction that ends the job; `undone` is false past the point of no return, and where undoing did not work. */
  failed(tx: Tx, job: Job, problem: Problem, undone: boolean): Promise<void>;
}

/** The last task of every job: running from acceptance until the job ends, then what became of the job. */
export const FINISH = 'finish';

/** Clients read the tasks in one page of 20. */
export const MAX_TASKS = 20;

export const taskNamesOf = (kind: {
  readonly tasks: readonly { readonly name: string }[];
}): readonly string[] => kind.tasks.map(({ name }) => name);
