import { sql, type Updateable } from 'kysely';
import { instanceId, type InstanceId, type JobId, jobId } from '../domain/ids.ts';
import { type StoredJob, type StoredTask, toJob, toTask } from './jobs.ts';
import type { Db, Tx } from './open.ts';
import type { Tables } from './tables.ts';

/** The right to work on a job, as its writes carry it. */
export interface Fence {
  readonly job: JobId;
  readonly epoch: number;
}

/** Somebody else has the job, or it ended: nothing of this transaction may count. */
export class LeaseLost extends Error {
  constructor({ job, epoch }: Fence) {
    super(`The lease ${epoch} of job ${job} is over; nothing was written.`);
    this.name = 'LeaseLost';
  }
}

/** A job and the state of its lease when it was looked at. Acting on it is a compare-and-swap on epoch and beat. */
export interface Claim {
  readonly job: JobId;
  readonly instance: InstanceId;
  /** Still to be worked on. False: only its worker has not let go yet. */
  readonly isOpen: boolean;
  readonly owner: string | null;
  readonly epoch: number;
  readonly beat: number;
}

const claimColumns = ['id', 'instance_id', 'state', 'lease_owner', 'lease_epoch', 'lease_beat'] as const;

interface ClaimRow {
  readonly id: string;
  readonly instance_id: string;
  readonly state: string;
  readonly lease_owner: string | null;
  readonly lease_epoch: number;
  readonly lease_beat: number;
}

const toClaim = (row: ClaimRow): Claim => ({
  job: jobId(row.id),
  instance: instanceId(row.instance_id),
  isOpen: row.state === 'running',
  owner: row.lease_owner,
  epoch: row.lease_epoch,
  beat: row.lease_beat,
});

const isHeldByAnother = sql<boolean>`exists (select 1 from jobs as other
  where other.instance_id = jobs.instance_id and other.lease_owner is not null and other.id <> jobs.id)`;

export const isHeldByEnded = sql<boolean>`exists (select 1 from jobs as other
  where other.instance_id = jobs.instance_id and other.lease_owner is not null and other.state <> 'running')`;

/** Written out as in the partial indexes of open jobs, which SQLite does not use for a parameter. */
const running = sql.lit('running');

/** Open jobs that nobody works on and that can be begun now, oldest first. */
export async function listWaiting(db: Db, limit: number): Promise<readonly Claim[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(claimColumns)
    .where('state', '=', running)
    .where('lease_owner', 'is', null)
    .where(({ not }) => not(isHeldByAnother))
    .orderBy('create_time')
    .limit(limit)
    .execute();
  return rows.map(toClaim);
}

/** Open jobs that cannot begin because the worker of an ended job of their instance has not let go. */
export async function listBlocked(db: Db, limit: number): Promise<readonly Claim[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(claimColumns)
    .where('state', '=', running)
    .where('lease_owner', 'is', null)
    .where(isHeldByEnded)
    .orderBy('create_time')
    .limit(limit)
    .execute();
  return rows.map(toClaim);
}

/** All jobs that somebody holds, ended ones included. */
export async function listHeld(db: Db, limit: number): Promise<readonly Claim[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(claimColumns)
    .where('lease_owner', 'is not', null)
    .orderBy('create_time')
    .limit(limit)
    .execute();
  return rows.map(toClaim);
}

/** Ended jobs that `owner` has not let go: their tasks are to stop. */
export async function listEndedOf(db: Db, owner: string): Promise<readonly JobId[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('id')
    .where('lease_owner', '=', owner)
    .where('state', '!=', 'running')
    .execute();
  return rows.map(({ id }) => jobId(id));
}

export interface Taken {
  readonly fence: Fence;
  readonly job: StoredJob;
  readonly tasks: readonly StoredTask[];
  readonly forwardUsedMs: number;
  readonly undoUsedMs: number;
}

/** Undefined where another was faster. That two jobs of one instance are held at once is ruled out by a unique index. */
export async function takeLease(
  tx: Tx,
  claim: Claim,
  owner: string,
  now: number,
): Promise<Taken | undefined> {
  const taken = await tx
    .updateTable('jobs')
    .set({ lease_owner: owner, lease_epoch: claim.epoch + 1, lease_beat: claim.beat + 1, update_time: now })
    .where('id', '=', claim.job)
    .where('state', '=', 'running')
    .where('lease_epoch', '=', claim.epoch)
    .where('lease_beat', '=', claim.beat)
    .where(({ not }) => not(isHeldByAnother))
    .returningAll()
    .executeTakeFirst();
  if (!taken) return undefined;
  const rows = await tx
    .selectFrom('tasks')
    .selectAll()
    .where('job_id', '=', claim.job)
    .orderBy('position')
    .execute();
  const last = rows.at(-1);
  // It stands for the job, which begins with this.
  if (last) await tx.updateTable('tasks').set({ owner }).where('id', '=', last.id).execute();
  return {
    fence: { job: claim.job, epoch: claim.epoch + 1 },
    job: toJob(taken),
    tasks: rows.map(toTask),
    forwardUsedMs: taken.forward_used_ms,
    undoUsedMs: taken.undo_used_ms,
  };
}

/** What every fenced write says beside its own: the worker lives, and how much of the job's time it used up. */
export interface Sign {
  readonly now: number;
  readonly forwardUsedMs: number;
  readonly undoUsedMs: number;
}

/** First in each transaction of a worker: locks the job's row and changes it, or throws LeaseLost. */
export async function holdFence(
  tx: Tx,
  fence: Fence,
  sign: Sign,
  change: Updateable<Tables['jobs']> = {},
): Promise<void> {
  const result = await tx
    .updateTable('jobs')
    .set((set) => ({
      ...change,
      lease_beat: set('lease_beat', '+', 1),
      update_time: sign.now,
      forward_used_ms: Math.round(sign.forwardUsedMs),
      undo_used_ms: Math.round(sign.undoUsedMs),
    }))
    .where('id', '=', fence.job)
    .where('lease_epoch', '=', fence.epoch)
    .where('state', '=', 'running')
    .executeTakeFirst();
  if (result.numUpdatedRows !== 1n) throw new LeaseLost(fence);
}

/** How a worker stands to a job: it holds it; the job ended under it and waits for it to let go; or it is another's. */
export type Standing = 'held' | 'ended' | 'lost';

/** The sign of life between other writes. An ended job is kept too, until its worker lets go. */
export async function beat(tx: Tx, fence: Fence, owner: string, sign: Sign): Promise<Standing> {
  try {
    await holdFence(tx, fence, sign);
    return 'held';
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
  }
  const kept = await tx
    .updateTable('jobs')
    .set((set) => ({ lease_beat: set('lease_beat', '+', 1) }))
    .where('id', '=', fence.job)
    .where('lease_owner', '=', owner)
    .where('state', '!=', 'running')
    .executeTakeFirst();
  return kept.numUpdatedRows === 1n ? 'ended' : 'lost';
}

/** Lets an open job go on elsewhere, at once. */
export async function releaseLease(tx: Tx, fence: Fence, sign: Sign): Promise<void> {
  await holdFence(tx, fence, sign, { lease_owner: null });
}

/** The worker of an ended job is done with it: the next job of the instance may begin. */
export async function letGo(tx: Tx, job: JobId, owner: string): Promise<void> {
  await tx
    .updateTable('jobs')
    .set({ lease_owner: null })
    .where('id', '=', job)
    .where('lease_owner', '=', owner)
    .where('state', '!=', 'running')
    .execute();
}

/** The same for a worker that is proven dead. */
export async function clearDeadLease(tx: Tx, claim: Claim): Promise<void> {
  await tx
    .updateTable('jobs')
    .set({ lease_owner: null })
    .where('id', '=', claim.job)
    .where('lease_owner', '=', claim.owner)
    .where('lease_epoch', '=', claim.epoch)
    .where('lease_beat', '=', claim.beat)
    .where('state', '!=', 'running')
    .execute();
}
