import type { InstanceId, JobId } from '../../src/domain/ids.ts';
import type { Plan } from '../../src/domain/job.ts';
import type { Kind, Task, TaskContext } from '../../src/jobs/kind.ts';
import { taskNamesOf } from '../../src/jobs/kind.ts';
import { type JobIds, openJob, randomJobIds } from '../../src/jobs/open-job.ts';
import { findJob, listTasks, type StoredJob } from '../../src/store/jobs.ts';
import type { Db, Store } from '../../src/store/open.ts';
import { aProject } from '../store/records.ts';
import { until } from './until.ts';

/** What the scripted tasks of a test do, by name; one without a script succeeds at once. */
export type Script = (context: TaskContext<Script[]>) => Promise<void>;

/** What happened, in order: "run a", "undo a", "succeeded", "failed: ...". */
export type Trace = string[];

export interface ScriptedTask {
  readonly name: string;
  readonly run?: Script;
  /** Absent: it has none. */
  readonly undo?: Script;
  readonly pointOfNoReturn?: boolean;
}

export function scriptedKind(
  tasks: readonly ScriptedTask[],
  trace: Trace,
  { name = 'change-instance', ...hooks }: Partial<Kind<Script[]>> = {},
): Kind<Script[]> {
  return {
    name,
    tasks: tasks.map(({ name: taskName, run, undo, pointOfNoReturn }): Task<Script[]> => ({
      name: taskName,
      run: async (context) => {
        trace.push(`run ${taskName}`);
        await run?.(context);
      },
      ...(undo && {
        undo: async (context) => {
          trace.push(`undo ${taskName}`);
          await undo(context);
        },
      }),
      ...(pointOfNoReturn !== undefined && { pointOfNoReturn }),
    })),
    succeeded: () => {
      trace.push('succeeded');
      return Promise.resolve();
    },
    failed: (_tx, _job, problem, undone) => {
      trace.push(`failed${undone ? '' : ', not undone'}: ${problem.message}`);
      return Promise.resolve();
    },
    ...hooks,
  };
}

export const aPlan = (instance: InstanceId): Plan => ({
  instance,
  project: aProject,
  replicas: 1,
  previousReplicas: 1,
});

export async function submit(
  store: Store,
  kind: Kind<Script[]>,
  instance: InstanceId,
  ids: JobIds = randomJobIds,
): Promise<JobId> {
  return store.write((tx) =>
    openJob(tx, {
      kind: kind.name,
      plan: aPlan(instance),
      project: aProject,
      instance,
      createdBy: 'user-1',
      ids,
      taskNames: taskNamesOf(kind),
      now: Date.now(),
    }),
  );
}

export async function ended(db: Db, id: JobId): Promise<StoredJob> {
  return until(`job ${id} to end`, async () => {
    const job = await findJob(db, id);
    return job && job.state !== 'running' ? job : undefined;
  });
}

export async function taskStates(db: Db, id: JobId): Promise<Record<string, string>> {
  const tasks = await listTasks(db, id, { limit: 100, offset: 0, desc: false });
  return Object.fromEntries(tasks.map(({ name, state }) => [name, state]));
}
