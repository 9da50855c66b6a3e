import { Problem } from '../domain/errors.ts';
import type { Fence, Sign } from '../store/job-leases.ts';
import {
  clearActivity,
  describeProblem,
  endJob,
  enterUndo,
  moveTasks,
  type TaskMove,
} from '../store/job-progress.ts';
import type { StoredJob } from '../store/jobs.ts';
import type { Tx } from '../store/open.ts';
import { FINISH, Stopped, stopReason } from './kind.ts';
import { backOffMs, isFinal, messageOf } from './retry.ts';
import { attemptTask, type JobRun, type Step, throwIfStopped, Unheeded } from './run-task.ts';

/** Why the job fails, and in which task. */
interface Failure {
  readonly problem: Problem;
  readonly task: string | undefined;
}

/**
 * Takes a job from where it stands to its end: its tasks in order, each recorded before the next begins; after a
 * failure back over what had begun. Throws Stopped where the job is not ours to go on with, and Unheeded.
 */
export async function runJob<Parts>(run: JobRun<Parts>): Promise<void> {
  if (run.lease.job.phase === 'undo') return goBack(run, storedFailure(run.lease.job));
  const failure = (await goForward(run)) ?? (await succeed(run));
  if (!failure) return;
  const isUndoable = await turnBack(run, failure);
  if (isUndoable) await goBack(run, failure);
}

async function goForward<Parts>(run: JobRun<Parts>): Promise<Failure | undefined> {
  const stop = run.lease.beginPhase('forward');
  const unknown = run.steps.find(({ task }) => !task);
  if (unknown) return { problem: unknownTask(unknown.name), task: unknown.name };
  for (const step of run.steps) {
    if (step.state === 'succeeded') continue;
    try {
      throwIfStopped(stop, step.name);
      if (step.state === 'waiting') await record(run, [{ step, to: 'running' }]);
      await attemptTask(run, step, 'run', stop);
    } catch (error) {
      if (error instanceof Unheeded) await giveUp(run, error, stop);
      if (!isFinal(error)) throw error;
      return { problem: error, task: step.name };
    }
    const next = run.steps[step.position + 1];
    // The last one is recorded with the end of the job. After a stop the next one is not to be seen as begun.
    if (next)
      await record(run, [
        { step, to: 'succeeded' },
        ...(stop.aborted ? [] : [{ step: next, to: 'running' } as const]),
      ]);
  }
  return undefined;
}

interface Move<Parts> {
  readonly step: Step<Parts>;
  readonly to: 'running' | 'succeeded' | 'undone';
}

async function record<Parts>(run: JobRun<Parts>, moves: readonly Move<Parts>[]): Promise<void> {
  const { owner } = run.lease;
  const taskMoves = moves.map(({ step: { position }, to }): TaskMove => ({
    position,
    to,
    ...(to === 'running' && { owner }),
  }));
  await run.lease.write((tx, fence, sign) => moveTasks(tx, fence, sign, taskMoves));
  for (const { step, to } of moves) step.state = to;
}

/** What the kind does at the end is the last task's work: where it does not succeed, the job fails like in any other. */
async function succeed<Parts>(run: JobRun<Parts>): Promise<Failure | undefined> {
  const { lease, kind, crashPoint } = run;
  const last = run.steps.at(-1);
  const moves: readonly TaskMove[] = last ? [{ position: last.position, to: 'succeeded' }] : [];
  try {
    crashPoint(`before:${FINISH}`);
    await tryOften(run, () =>
      lease.write(async (tx, fence, sign) => {
        await endJob(tx, fence, sign, { state: 'succeeded' }, moves);
        await kind.succeeded(tx, lease.job);
      }),
    );
    crashPoint(`after:${FINISH}`);
    return undefined;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    if (last) await record(run, [{ step: last, to: 'succeeded' }]);
    const problem = isFinal(error)
      ? error
      : new Problem(
          'taskFailed',
          `The end of the job could not be recorded: ${messageOf(error)}`,
          {},
          { cause: error },
        );
    return { problem, task: FINISH };
  }
}

/** Ends the job where there is nothing to undo; else records that from now on it goes backwards. */
async function turnBack<Parts>(run: JobRun<Parts>, failure: Failure): Promise<boolean> {
  const isPastReturn = run.steps.some(({ state, task }) => hasBegun(state) && task?.pointOfNoReturn === true);
  const isUnknown = run.steps.some(({ state, task }) => hasBegun(state) && !task);
  if (isPastReturn || toUndo(run).length === 0) {
    await fail(run, failure, !isPastReturn && !isUnknown);
    return false;
  }
  const problem = describeProblem(failure.problem, failure.task);
  await run.lease.write((tx, fence, sign) => enterUndo(tx, fence, sign, problem));
  for (const step of run.steps) {
    if (step.state === 'running') step.state = 'failed';
    else if (step.state === 'waiting') step.state = 'skipped';
  }
  return true;
}

async function goBack<Parts>(run: JobRun<Parts>, failure: Failure): Promise<void> {
  const { lease, log } = run;
  const stop = lease.beginPhase('undo');
  const left: string[] = run.steps
    .filter(({ state, task }) => hasBegun(state) && !task)
    .map(({ name }) => name);
  let trouble = '';
  for (const step of toUndo(run)) {
    try {
      await attemptTask(run, step, 'undo', stop);
      await record(run, [{ step, to: 'undone' }]);
    } catch (error) {
      if (error instanceof Unheeded) await giveUp(run, error, stop, failure);
      if (!isFinal(error)) throw error;
      // The tasks before it are undone all the same: the less is left the better.
      left.push(step.name);
      trouble = ` (${error.message})`;
      log.error(
        { job: lease.job.id, instance: lease.job.instance, task: step.name, err: error.message },
        'a task could not be undone',
      );
    }
  }
  if (left.length === 0) await fail(run, failure, true);
  else
    await fail(
      run,
      withTail(failure, `Not undone: ${left.join(', ')}${trouble}; the platform's repair puts it right.`),
      false,
    );
}

/**
 * For a task that does not stop. To undo while it may still be at work could make two effects meet, so nothing is
 * undone: the job ends, its hold on the instance stays until the task is over, and repair puts right what is left.
 */
async function giveUp<Parts>(
  run: JobRun<Parts>,
  unheeded: Unheeded,
  stop: AbortSignal,
  before?: Failure,
): Promise<never> {
  const reason = stopReason(stop);
  // When the platform stops, the process ends and the task with it; a pre-empted job has ended already.
  if (reason === 'shutdown' || reason === 'preempted') throw unheeded;
  const { task } = unheeded;
  const seconds = Math.round(run.limits.settleMs / 1000);
  const sentence = `The task "${task}" did not stop within ${seconds} s after it was told to; what it did is not undone, since it may still be at work, and the platform's repair puts right what it leaves. If the instance's next job fails because of it, restart the platform.`;
  const failure = before
    ? withTail(before, sentence)
    : { problem: new Problem('deadlinePassed', sentence), task };
  try {
    await fail(run, failure, false, true);
  } catch (error) {
    // Ended by another meanwhile, or another's: either way the hold is let go only when the task is over.
    if (!(error instanceof Stopped)) {
      run.log.error({ job: run.lease.job.id, err: messageOf(error) }, 'a job could not be given up');
    }
  }
  throw unheeded;
}

async function fail<Parts>(
  run: JobRun<Parts>,
  failure: Failure,
  isUndone: boolean,
  isHeldOn = false,
): Promise<void> {
  const { lease, kind, log, crashPoint } = run;
  const ending = {
    state: 'failed',
    problem: describeProblem(failure.problem, failure.task),
    isHeldOn,
  } as const;
  const write = (work: (tx: Tx, fence: Fence, sign: Sign) => Promise<void>) =>
    isHeldOn ? lease.writeInTheEnd(work) : lease.write(work);
  crashPoint(`before:${FINISH}`);
  try {
    await tryOften(run, () =>
      write(async (tx, fence, sign) => {
        await endJob(tx, fence, sign, ending);
        await kind.failed(tx, lease.job, failure.problem, isUndone);
      }),
    );
  } catch (error) {
    if (error instanceof Stopped) throw error;
    log.error(
      { job: lease.job.id, err: messageOf(error) },
      'what a failed job does at its end did not work; it ends without',
    );
    await write(async (tx, fence, sign) => {
      await endJob(tx, fence, sign, ending);
      await clearActivity(tx, lease.job.instance);
    });
  }
  crashPoint(`after:${FINISH}`);
}

/** A fault in a kind's own words at the end is met like one in a task. */
async function tryOften<Parts>({ clock, limits }: JobRun<Parts>, work: () => Promise<void>): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Stopped || isFinal(error) || failures >= limits.attempts) throw error;
    }
    await clock.sleep(backOffMs(failures, limits));
  }
}

const hasBegun = (state: Step<unknown>['state']): boolean =>
  state === 'running' || state === 'succeeded' || state === 'failed';

const toUndo = <Parts>(run: JobRun<Parts>): readonly Step<Parts>[] =>
  run.steps.filter(({ state, task }) => hasBegun(state) && task?.undo !== undefined).toReversed();

const unknownTask = (name: string) =>
  new Problem(
    'taskFailed',
    `The job has the task "${name}", which this version of Openstage does not know: another version accepted it. Repeat the request.`,
  );

function storedFailure({ problem }: StoredJob): Failure {
  if (!problem)
    throw new Error('A job is being undone without a reason; the store was changed by something else.');
  const evidence = { log: problem.log, ...(problem.exit !== null && { exit: problem.exit }) };
  return {
    problem: new Problem(problem.code, problem.message, evidence),
    task: problem.failed_task ?? undefined,
  };
}

const withTail = ({ problem, task }: Failure, tail: string): Failure => ({
  problem: new Problem(problem.code, `${problem.message} ${tail}`, problem.evidence, { cause: problem }),
  task,
});
