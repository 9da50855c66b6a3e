import { type Selectable, sql } from 'kysely';
import type { Code } from '../domain/errors.ts';
import {
  instanceId,
  type InstanceId,
  type JobId,
  jobId,
  type ProjectId,
  projectId,
  type TaskId,
  taskId,
} from '../domain/ids.ts';
import {
  type Job,
  type JobKind,
  type Plan,
  type SettledKind,
  taskMoves,
  type TaskState,
} from '../domain/job.ts';
import { isShape, parseJson } from './json.ts';
import type { Db, Tx } from './open.ts';
import { oneOf } from './rows.ts';
import type { Tables } from './tables.ts';

/** Why a job failed, as it is kept with it. */
export interface JobProblem {
  readonly code: Code;
  readonly message: string;
  readonly failed_task: string | null;
  /** How the copy that failed ended. */
  readonly exit: string | null;
  readonly log: readonly string[];
}

export interface StoredJob extends Job {
  /** The platform's own: never shown as an instance's last job. */
  readonly isInternal: boolean;
  readonly problem?: JobProblem;
  readonly requestHash?: string;
  readonly updateTime: number;
  readonly endTime?: number;
}

export interface StoredTask {
  readonly id: TaskId;
  readonly job: JobId;
  /** From 0, without gaps. */
  readonly position: number;
  readonly name: string;
  readonly state: TaskState;
  /** How often it was begun. */
  readonly attempts: number;
  /** Text while it runs; JSON text {message, failed_task, exit, log} where the job failed. */
  readonly messages: string;
  /** The worker that ran it last; empty before. */
  readonly owner: string;
  readonly createTime: number;
  readonly updateTime: number;
}

export const taskStates = Object.keys(taskMoves) as readonly TaskState[];

const isPlan = isShape<Plan>({ instance: 'string', project: 'string', replicas: 'number' });
const isProblem = isShape<JobProblem>({ code: 'string', message: 'string', log: 'object' });

export type NewJob = Pick<
  StoredJob,
  'id' | 'project' | 'instance' | 'kind' | 'plan' | 'isInternal' | 'createdBy' | 'createTime' | 'requestHash'
> & { readonly isSettled?: boolean };

const noInstance = instanceId('');

/** False, and nothing is written, where a user's job is open on the instance already. The last task stands for the job and runs from now on. */
export async function insertJob(
  tx: Tx,
  job: NewJob,
  tasks: readonly { readonly id: TaskId; readonly name: string }[],
): Promise<boolean> {
  const state = job.isSettled === true ? 'succeeded' : 'running';
  const inserted = await tx
    .insertInto('jobs')
    .values({
      id: job.id,
      project_id: job.project,
      instance_id: job.instance,
      kind: job.kind,
      internal: job.isInternal ? 1 : 0,
      plan_json: JSON.stringify(job.plan),
      state,
      phase: 'forward',
      problem_json: null,
      request_hash: job.requestHash ?? null,
      created_by: job.createdBy,
      create_time: job.createTime,
      update_time: job.createTime,
      end_time: job.isSettled === true ? job.createTime : null,
      lease_owner: null,
      lease_epoch: 0,
      lease_beat: 0,
      forward_used_ms: 0,
      undo_used_ms: 0,
    })
    // Without a target: the rule on open user jobs is the only one that can be met, ids being new.
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows !== 1n) return false;
  await tx
    .insertInto('tasks')
    .values(
      tasks.map(({ id, name }, position) => ({
        id,
        job_id: job.id,
        position,
        name,
        state: position === tasks.length - 1 ? state : 'waiting',
        attempts: 0,
        messages: '',
        owner: '',
        create_time: job.createTime,
        update_time: job.createTime,
      })),
    )
    .execute();
  return true;
}

/** A job that has succeeded as it is written, with its one task: what it stands for is in the same transaction. */
export async function insertSettledJob(
  tx: Tx,
  job: Pick<StoredJob, 'id' | 'project' | 'createdBy' | 'createTime'> & { readonly kind: SettledKind },
  task: { readonly id: TaskId; readonly name: string },
): Promise<void> {
  const plan: Plan = { instance: noInstance, project: job.project, replicas: 0, previousReplicas: 0 };
  await insertJob(tx, { ...job, plan, instance: noInstance, isInternal: false, isSettled: true }, [task]);
}

export async function findJob(db: Db, id: JobId): Promise<StoredJob | undefined> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toJob(row);
}

/** By id, for a page of instances. */
export async function listJobs(db: Db, ids: readonly JobId[]): Promise<ReadonlyMap<JobId, StoredJob>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('jobs').selectAll().where('id', 'in', ids).execute();
  return new Map(rows.map((row) => [jobId(row.id), toJob(row)]));
}

/** The job that makes other requests for this instance wait. There is at most one. */
export async function findOpenUserJob(db: Db, instance: InstanceId): Promise<StoredJob | undefined> {
  const row = await db
    .selectFrom('jobs')
    .selectAll()
    .where('instance_id', '=', instance)
    .where('state', '=', sql.lit('running'))
    .where('internal', '=', sql.lit(0))
    .executeTakeFirst();
  return row && toJob(row);
}

/** The open job that this very request made: repeated, it gets the same answer. */
export async function findOpenJobByRequest(
  db: Db,
  project: ProjectId,
  requestHash: string,
): Promise<StoredJob | undefined> {
  const row = await db
    .selectFrom('jobs')
    .selectAll()
    .where('project_id', '=', project)
    // Written out as in the partial index, which SQLite does not use for a parameter.
    .where('request_hash', '=', requestHash)
    .where('state', '=', sql.lit('running'))
    .where('internal', '=', sql.lit(0))
    .executeTakeFirst();
  return row && toJob(row);
}

/** All that are open on an instance, the platform's own included, oldest first. */
export async function listOpenJobs(db: Db, instance: InstanceId): Promise<readonly StoredJob[]> {
  const rows = await db
    .selectFrom('jobs')
    .selectAll()
    .where('instance_id', '=', instance)
    .where('state', '=', 'running')
    .orderBy('create_time')
    .orderBy('id')
    .execute();
  return rows.map(toJob);
}

export interface Page {
  readonly limit: number;
  readonly offset: number;
  readonly desc: boolean;
}

export async function listTasks(
  db: Db,
  job: JobId,
  { limit, offset, desc }: Page,
): Promise<readonly StoredTask[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('job_id', '=', job)
    .orderBy('position', desc ? 'desc' : 'asc')
    .limit(limit)
    .offset(offset)
    .execute();
  return rows.map(toTask);
}

export async function countTasks(db: Db, job: JobId): Promise<number> {
  const { count } = await db
    .selectFrom('tasks')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('job_id', '=', job)
    .executeTakeFirstOrThrow();
  return count;
}

/** Jobs that ended before `before`, but for the last one of an instance that lives. At most `limit`. */
export async function listForgettable(db: Db, before: number, limit: number): Promise<readonly JobId[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('id')
    .where('state', '!=', 'running')
    .where('end_time', '<', before)
    .where('lease_owner', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('instances')
            .select('instances.id')
            .whereRef('instances.last_job_id', '=', 'jobs.id')
            .where('instances.delete_time', 'is', null),
        ),
      ),
    )
    .orderBy('end_time')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => jobId(id));
}

export async function forgetJobs(tx: Tx, jobs: readonly JobId[]): Promise<void> {
  if (jobs.length === 0) return;
  await tx.deleteFrom('tasks').where('job_id', 'in', jobs).execute();
  await tx.deleteFrom('jobs').where('id', 'in', jobs).where('state', '!=', 'running').execute();
}

export function toJob(row: Selectable<Tables['jobs']>): StoredJob {
  return {
    id: jobId(row.id),
    project: projectId(row.project_id),
    instance: instanceId(row.instance_id),
    // A newer version may have stored a kind that this one does not know: the engine looks it up before use.
    kind: row.kind as JobKind,
    plan: parseJson(row.plan_json, 'jobs.plan_json', isPlan),
    state: oneOf(['running', 'succeeded', 'failed'], row.state, 'jobs.state'),
    phase: oneOf(['forward', 'undo'], row.phase, 'jobs.phase'),
    createdBy: row.created_by,
    createTime: row.create_time,
    isInternal: row.internal === 1,
    updateTime: row.update_time,
    ...(row.problem_json !== null && {
      problem: parseJson(row.problem_json, 'jobs.problem_json', isProblem),
    }),
    ...(row.request_hash !== null && { requestHash: row.request_hash }),
    ...(row.end_time !== null && { endTime: row.end_time }),
  };
}

export function toTask(row: Selectable<Tables['tasks']>): StoredTask {
  return {
    id: taskId(row.id),
    job: jobId(row.job_id),
    position: row.position,
    name: row.name,
    state: oneOf(taskStates, row.state, 'tasks.state'),
    attempts: row.attempts,
    messages: row.messages,
    owner: row.owner,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
