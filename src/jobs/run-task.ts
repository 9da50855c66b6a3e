import { Problem } from '../domain/errors.ts';
import { holdFence } from '../store/job-leases.ts';
import { type Clock, OVER } from './clock.ts';
import type { CrashPoint } from './crash-points.ts';
import { type Kind, stopReason, type Task, type TaskContext } from './kind.ts';
import type { Lease } from './lease.ts';
import type { EngineLimits } from './limits.ts';
import type { EngineLog } from './log.ts';
import { backOffMs, isFinal, isPassing, messageOf } from './retry.ts';
import type { TaskState } from '../domain/job.ts';

/** One task of a job under way. */
export interface Step<Parts> {
  readonly position: number;
  readonly name: string;
  /** Absent: this version does not know it. */
  readonly task: Task<Parts> | undefined;
  state: TaskState;
  attempts: number;
}

/** A job under way, with all that running it takes. */
export interface JobRun<Parts> {
  readonly lease: Lease;
  readonly kind: Kind<Parts>;
  /** Without the last task, which stands for the job. */
  readonly steps: readonly Step<Parts>[];
  readonly parts: Parts;
  readonly clock: Clock;
  readonly limits: EngineLimits;
  readonly log: EngineLog;
  readonly crashPoint: CrashPoint;
}

/** A task was told to stop and did not within bounds. It may still be at work, so nothing else may touch its instance. */
export class Unheeded extends Error {
  readonly task: string;
  /** Resolves once the task is over after all. */
  readonly settled: Promise<void>;
  constructor(task: string, work: Promise<void>) {
    super(`The task "${task}" does not heed its stop signal.`);
    this.name = 'Unheeded';
    this.task = task;
    this.settled = work.catch(() => {});
  }
}

/**
 * Runs or undoes one task until that worked. Throws the Problem that makes it fail for good, Stopped where the job is
 * not ours to go on with, and Unheeded.
 */
export async function attemptTask<Parts>(
  run: JobRun<Parts>,
  step: Step<Parts>,
  way: 'run' | 'undo',
  stop: AbortSignal,
): Promise<void> {
  const { lease, clock, limits, crashPoint, log } = run;
  const suffix = way === 'run' ? '' : '-undo';
  const ids = { job: lease.job.id, instance: lease.job.instance, task: step.name };
  /** Monotonic; since then it failed in ways that pass by themselves. */
  let passingSince: number | undefined;
  for (let failures = 0; ;) {
    throwIfStopped(stop, step.name);
    const begunAt = clock.monotonic();
    try {
      crashPoint(`before${suffix}:${step.name}`);
      await perform(run, step, way, stop);
      crashPoint(`after${suffix}:${step.name}`);
      return;
    } catch (error) {
      if (error instanceof Unheeded) throw error;
      // Out of time, a task may know better what it waited for; stopped for another reason, it goes on elsewhere.
      if (stop.aborted) throwIfStopped(stop, step.name, error);
      if (isFinal(error)) throw error;
      if (isPassing(error)) {
        passingSince ??= begunAt;
        const isFirst = way === 'run' && step.position === 0 && error.code !== 'unavailable';
        if (isFirst && clock.monotonic() - passingSince >= limits.patienceMs) throw asFinal(error);
      } else {
        passingSince = undefined;
        failures += 1;
      }
      // Undoing goes on as long as there is time for it: what it leaves behind is in somebody's way.
      if (way === 'run' && failures >= limits.attempts) throw repeatedly(step.name, failures, error);
      log.warn({ ...ids, way, failures, err: messageOf(error) }, 'a task is tried again');
      lease.note(step.position, `It is tried again, because: ${messageOf(error)}`);
    }
    await clock.sleep(backOffMs(Math.max(failures, 1), limits), stop);
  }
}

/** Out of time is the job's own failure, a Problem; every other reason leaves it to go on elsewhere. */
export function throwIfStopped(stop: AbortSignal, task: string, thrown?: unknown): void {
  if (!stop.aborted) return;
  if (stopReason(stop) !== 'deadline') throw stop.reason;
  if (isFinal(thrown)) throw thrown;
  const detail = thrown === undefined || thrown === stop.reason ? '' : ` It said last: ${messageOf(thrown)}`;
  throw new Problem(
    'deadlinePassed',
    `The time of the job was used up in the task "${task}".${detail} Repeat the request; if it is slow for a reason, allow jobs more time in the settings.`,
  );
}

const asFinal = (problem: Problem) =>
  new Problem(problem.code, problem.message, problem.evidence, { cause: problem });

const repeatedly = (task: string, failures: number, error: unknown) =>
  new Problem(
    'taskFailed',
    `The task "${task}" failed ${failures} times; the last time: ${messageOf(error)}`,
    {},
    { cause: error },
  );

async function perform<Parts>(
  run: JobRun<Parts>,
  step: Step<Parts>,
  way: 'run' | 'undo',
  stop: AbortSignal,
): Promise<void> {
  const { lease, parts, crashPoint } = run;
  step.attempts += 1;
  const context: TaskContext<Parts> = {
    job: lease.job,
    plan: lease.job.plan,
    parts,
    attempt: step.attempts,
    stop,
    write: (work) =>
      lease.write(async (tx, fence, sign) => {
        await holdFence(tx, fence, sign);
        return work(tx);
      }),
    progress: (message) => lease.note(step.position, message),
  };
  const work = (async () => step.task?.[way]?.(context))();
  if (way === 'run') crashPoint(`during:${step.name}`);
  await whileHeeded(run, step.name, work, stop);
}

/** Waits for a task as long as it likes, but once it is told to stop only for `settleMs`. */
async function whileHeeded<Parts>(
  { clock, limits }: JobRun<Parts>,
  task: string,
  work: Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const isIgnored = new Promise<true>((resolve) => {
    const wait = () => void clock.sleep(limits.settleMs, over.signal).then(() => resolve(true));
    if (stop.aborted) wait();
    else stop.addEventListener('abort', wait, { once: true, signal: over.signal });
  });
  try {
    if ((await Promise.race([work, isIgnored])) === true) throw new Unheeded(task, work);
  } finally {
    over.abort(OVER);
  }
}
