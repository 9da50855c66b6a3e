import type { Problem } from '../domain/errors.ts';
import type { Job, JobKind, Plan } from '../domain/job.ts';
import type { Tx } from '../store/open.ts';

/** What a task gets. `Parts` are the live things that main.ts built; the engine does not look at them. */
export interface TaskContext<Parts> {
  readonly job: Job;
  readonly plan: Plan;
  readonly parts: Parts;
  /** Aborts when the lease is lost, the job is pre-empted, the deadline passes or the platform stops. */
  readonly stop: AbortSignal;
  /** A write that carries the lease's fence: a worker that lost its lease changes nothing. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Shown in the task's MESSAGES while it runs; not durable. */
  progress(message: string): void;
}

/**
 * A named step of a job. It may run any number of times and finds what it already did.
 * A thrown Problem is final; anything else is tried again within limits.
 */
export interface Task<Parts> {
  /** Stored with the job: never renamed. */
  readonly name: string;
  run(context: TaskContext<Parts>): Promise<void>;
  undo?(context: TaskContext<Parts>): Promise<void>;
  /** From the moment it has begun (recorded with its move to running), no failure undoes the job: what is left is put right by repair. */
  readonly pointOfNoReturn?: boolean;
}

export interface Kind<Parts> {
  readonly name: JobKind;
  readonly tasks: readonly Task<Parts>[];
  /** In the transaction that ends the job. */
  succeeded(tx: Tx, job: Job): Promise<void>;
  /** In the transaction that ends the job; `undone` is false past the point of no return. */
  failed(tx: Tx, job: Job, problem: Problem, undone: boolean): Promise<void>;
}
