import type { JobId, ProjectId, UserId } from '../domain/ids.ts';
import { jobId, projectId, userId } from '../domain/ids.ts';
import type { Db, Tx } from './open.ts';
import { limitOf, type Page } from './paging.ts';
import { present } from './rows.ts';

/** Who asked for what. Written in the transaction that did it. */
export interface AuditEntry {
  readonly id: string;
  /** Absent: it concerned no project. */
  readonly project?: ProjectId;
  readonly user: UserId;
  readonly action: string;
  readonly object: string;
  readonly job?: JobId;
  readonly request: string;
  readonly time: number;
  /** The access key that signed; absent: a token. */
  readonly credential?: string;
  /** The network address that it came from. */
  readonly source?: string;
}

export async function insertAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  await tx
    .insertInto('audit')
    .values({
      id: entry.id,
      project_id: entry.project ?? null,
      user_id: entry.user,
      action: entry.action,
      object_id: entry.object,
      job_id: entry.job ?? null,
      request_id: entry.request,
      time: entry.time,
      credential: entry.credential ?? null,
      source: entry.source ?? null,
    })
    .execute();
}

/** The newest first. */
export async function listAudit(
  db: Db,
  project: ProjectId,
  paging: { readonly limit?: number; readonly offset: number },
): Promise<Page<AuditEntry>> {
  const all = db.selectFrom('audit').where('project_id', '=', project);
  const rows = await all
    .selectAll()
    .orderBy('time', 'desc')
    .orderBy('id', 'desc')
    .limit(limitOf(paging))
    .offset(paging.offset)
    .execute();
  const { count } = await all.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  const items = rows.map((row) =>
    present({
      id: row.id,
      project: row.project_id === null ? null : projectId(row.project_id),
      user: userId(row.user_id),
      action: row.action,
      object: row.object_id,
      job: row.job_id === null ? null : jobId(row.job_id),
      request: row.request_id,
      time: row.time,
      credential: row.credential,
      source: row.source,
    }),
  );
  return { count, items };
}

/** Lines of before `time`, the oldest first. */
export async function deleteAuditBefore(tx: Tx, time: number, limit: number): Promise<number> {
  const oldest = tx.selectFrom('audit').select('id').where('time', '<', time).orderBy('time').limit(limit);
  const { numDeletedRows } = await tx.deleteFrom('audit').where('id', 'in', oldest).executeTakeFirst();
  return Number(numDeletedRows);
}
