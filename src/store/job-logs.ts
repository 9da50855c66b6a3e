import { projectId, type JobId, type ProjectId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';

/** What the builds of a job printed, for as long as the job is kept. */
export interface JobLog {
  readonly project: ProjectId;
  /** Bounded by who writes it. */
  readonly content: string;
}

export interface NewJobLog extends JobLog {
  readonly job: JobId;
  /** The end of it, by line, to be shown with the job. */
  readonly lastLines: readonly string[];
  readonly time: number;
}

/** Replaces what an earlier attempt printed. */
export async function writeJobLog(tx: Tx, log: NewJobLog): Promise<void> {
  const columns = {
    project_id: log.project,
    content: log.content,
    last_lines: log.lastLines.join('\n'),
    update_time: log.time,
  };
  await tx
    .insertInto('job_logs')
    .values({ job_id: log.job, ...columns })
    .onConflict((on) => on.column('job_id').doUpdateSet(columns))
    .execute();
}

export async function findJobLog(db: Db, job: JobId): Promise<JobLog | undefined> {
  const row = await db
    .selectFrom('job_logs')
    .select(['project_id', 'content'])
    .where('job_id', '=', job)
    .executeTakeFirst();
  return row && { project: projectId(row.project_id), content: row.content };
}

export async function findLastLines(db: Db, job: JobId): Promise<readonly string[] | undefined> {
  const row = await db
    .selectFrom('job_logs')
    .select('last_lines')
    .where('job_id', '=', job)
    .executeTakeFirst();
  return row?.last_lines.split('\n');
}
