import type { InstanceId, JobId } from '../domain/ids.ts';
import { Problem } from '../domain/errors.ts';
import {
  type Claim,
  clearDeadLease,
  listBlocked,
  listEndedOf,
  listHeld,
  listWaiting,
  takeLease,
  type Taken,
} from '../store/job-leases.ts';
import { clearActivity, describeProblem, endJob, endWaiting, moveTask } from '../store/job-progress.ts';
import { findJob } from '../store/jobs.ts';
import { OVER } from './clock.ts';
import type { CrashPoint } from './crash-points.ts';
import { type Kind, Stopped } from './kind.ts';
import { Lease, type LeaseSeams } from './lease.ts';
import { isOfFormerRun, Sightings } from './observed-leases.ts';
import { messageOf } from './retry.ts';
import { runJob } from './run-job.ts';
import { type JobRun, Unheeded } from './run-task.ts';

/** Leases that one look for dead workers takes in; more than all workers together hold. */
const MAX_HELD = 1_000;

export interface WorkerSeams<Parts> extends LeaseSeams {
  readonly node: string;
  readonly run: string;
  readonly kinds: ReadonlyMap<string, Kind<Parts>>;
  readonly parts: Parts;
  readonly crashPoint: CrashPoint;
  readonly ended: (instance: InstanceId) => void;
}

/** A job of ours, from before it is taken until nothing of it is at work any more. */
interface Hold {
  lease?: Lease;
  /** Its job ended, but a task does not stop; it no longer counts as one of the jobs under way. */
  isLingering: boolean;
  over: Promise<void>;
}

/** Life of a worker: woken it looks for waiting jobs and takes what it has room for; once a second it looks for dead workers' jobs. */
export class Worker<Parts> {
  readonly #seams: WorkerSeams<Parts>;
  readonly #holds = new Map<JobId, Hold>();
  readonly #held = new Sightings();
  readonly #blocked = new Sightings();
  readonly #stopping = new AbortController();
  #isWoken = false;
  /** Jobs of dead workers are left for which there was no room. */
  #hasMoreDead = false;
  #pause = new AbortController();
  #life: Promise<void> | undefined;

  constructor(seams: WorkerSeams<Parts>) {
    this.#seams = seams;
  }

  start(): void {
    this.#life ??= this.#live();
  }

  wake(): void {
    this.#isWoken = true;
    this.#pause.abort(OVER);
  }

  /** Tells all tasks to stop and gives the leases back: the jobs go on with the next run. Tasks that do not stop end with the process. */
  async stop(): Promise<void> {
    const { clock, limits, log } = this.#seams;
    this.#stopping.abort(OVER);
    this.wake();
    for (const { lease } of this.#holds.values()) lease?.stop('shutdown');
    const waited = new AbortController();
    const isOver = Promise.all([this.#life, ...[...this.#holds.values()].map(({ over }) => over)]);
    await Promise.race([isOver, clock.sleep(limits.stopMs, waited.signal)]);
    waited.abort(OVER);
    for (const [job, { lease }] of this.#holds) {
      log.warn({ job }, 'a task did not stop in time; its job goes on with the next run');
      lease?.close();
    }
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #live(): Promise<void> {
    const { clock, limits, log } = this.#seams;
    let nextScan = clock.monotonic();
    while (!this.#isStopping) {
      this.#isWoken = false;
      this.#pause = new AbortController();
      try {
        // First, so that a stream of new jobs does not keep those of the dead waiting.
        if (this.#hasMoreDead || clock.monotonic() >= nextScan) {
          nextScan = clock.monotonic() + limits.scanMs;
          await this.#takeOver();
        }
        await this.#takeWaiting();
      } catch (error) {
        log.warn({ err: messageOf(error) }, 'the look for jobs failed; the next one is soon');
      }
      if (!this.#isWoken) await clock.sleep(Math.max(0, nextScan - clock.monotonic()), this.#pause.signal);
    }
  }

  get #room(): number {
    const underWay = [...this.#holds.values()].filter(({ isLingering }) => !isLingering).length;
    return Math.max(0, this.#seams.limits.parallel - underWay);
  }

  async #takeWaiting(): Promise<void> {
    const { store, owner } = this.#seams;
    if (this.#holds.size > 0) {
      for (const job of await listEndedOf(store.read, owner)) this.#holds.get(job)?.lease?.stop('preempted');
    }
    if (this.#room === 0) return;
    // Those being taken this moment may still look as if they waited.
    const beingTaken = [...this.#holds.values()].filter(({ lease }) => !lease).length;
    for (const claim of await listWaiting(store.read, this.#room + beingTaken)) this.#take(claim);
  }

  /** Jobs of dead workers, and jobs that wait in vain for one that ended. */
  async #takeOver(): Promise<void> {
    const { store, clock, limits, owner, node, run } = this.#seams;
    const held = await listHeld(store.read, MAX_HELD);
    const now = clock.monotonic();
    const isOurs = (claim: Claim) => claim.owner === owner || isOfFormerRun(claim.owner, node, run);
    const silent = this.#held.unchangedFor(limits.leaseMs, held, now);
    const dead = [
      // Ours without our knowing: the answer of a write was lost, or the lease could not be proven for a while.
      ...held.filter(isOurs),
      ...silent.filter((claim) => !isOurs(claim)),
    ].filter(({ job }) => !this.#holds.has(job));
    this.#hasMoreDead = dead.filter(({ isOpen }) => isOpen).length > this.#room;
    for (const claim of dead) {
      if (claim.isOpen) this.#take(claim);
      else await store.write((tx) => clearDeadLease(tx, claim));
    }
    if (dead.some(({ isOpen }) => !isOpen)) this.wake();
    // After a pause of our own, say, a worker that is dead too may only look alive: its lease is cleared above, later.
    const isAlive = (claim: Claim) => this.#held.changedWithin(limits.leaseMs, claim.job, clock.monotonic());
    const inTheWay = new Set(held.filter(isAlive).map(({ instance }) => instance));
    const blocked = await listBlocked(store.read, MAX_HELD);
    for (const claim of this.#blocked.unchangedFor(limits.blockedMs, blocked, clock.monotonic())) {
      if (inTheWay.has(claim.instance)) await this.#failBlocked(claim);
    }
  }

  #take(claim: Claim): void {
    if (this.#isStopping || this.#room === 0 || this.#holds.has(claim.job)) return;
    const hold: Hold = { isLingering: false, over: Promise.resolve() };
    this.#holds.set(claim.job, hold);
    hold.over = this.#work(claim, hold).then(() => {
      this.#holds.delete(claim.job);
      this.#seams.ended(claim.instance);
      // One that could not be taken is left to the next scan: looking again at once would spin while the store is away.
      if (hold.lease) this.wake();
    });
  }

  async #work(claim: Claim, hold: Hold): Promise<void> {
    const { log } = this.#seams;
    let lease: Lease | undefined;
    try {
      lease = await this.#lease(claim);
      if (!lease) return;
      hold.lease = lease;
      if (this.#isStopping) lease.stop('shutdown');
      await this.#run(lease);
    } catch (error) {
      const ids = { job: claim.job, instance: claim.instance };
      if (error instanceof Unheeded) {
        log.error(
          { ...ids, task: error.task },
          'a task does not stop; no other job touches its instance until it does',
        );
        hold.isLingering = true;
        this.wake();
        await error.settled;
      } else if (!(error instanceof Stopped)) {
        log.error({ ...ids, err: messageOf(error) }, 'a job could not be gone on with; it is taken up again');
      }
      await lease
        ?.letGo()
        .catch((fault) => log.warn({ ...ids, err: messageOf(fault) }, 'a lease is let go later'));
    } finally {
      lease?.close();
    }
  }

  /** Taking a job and beginning its task are one write. */
  async #lease(claim: Claim): Promise<Lease | undefined> {
    const { store, clock, owner, limits } = this.#seams;
    const begunAt = clock.monotonic();
    const now = clock.now();
    const taken = await store.write(async (tx): Promise<Taken | undefined> => {
      const taken = await takeLease(tx, claim, owner, now);
      if (taken?.job.phase !== 'forward') return taken;
      const first = taken.tasks.slice(0, -1).find(({ state }) => state !== 'succeeded');
      if (!first) return taken;
      const { position } = first;
      await moveTask(tx, claim.job, { position, to: 'running', owner }, now);
      return { ...taken, tasks: taken.tasks.with(position, { ...first, state: 'running' }) };
    });
    if (!taken) return undefined;
    // A worker that died could not write down what it used since its last heartbeat: half of one, on average.
    const unrecordedMs = claim.owner === null ? 0 : limits.heartbeatMs / 2;
    const isUndo = taken.job.phase === 'undo';
    return new Lease(
      this.#seams,
      {
        ...taken,
        forwardUsedMs: taken.forwardUsedMs + (isUndo ? 0 : unrecordedMs),
        undoUsedMs: taken.undoUsedMs + (isUndo ? unrecordedMs : 0),
      },
      begunAt,
    );
  }

  async #run(lease: Lease): Promise<void> {
    const { kinds, parts, clock, limits, log, crashPoint } = this.#seams;
    const { job, tasks } = lease;
    const kind = kinds.get(job.kind);
    if (!kind) {
      await this.#failUnknown(lease);
      return;
    }
    const steps = tasks.slice(0, -1).map(({ position, name, state, attempts }) => {
      const task = kind.tasks.find((one) => one.name === name);
      return { position, name, task, state, attempts };
    });
    const run: JobRun<Parts> = { lease, kind, steps, parts, clock, limits, log, crashPoint };
    try {
      await runJob(run);
    } catch (error) {
      if (error instanceof Stopped && error.reason === 'shutdown') await lease.release();
      throw error;
    }
  }

  async #failUnknown(lease: Lease): Promise<void> {
    const { job } = lease;
    const problem = new Problem(
      'taskFailed',
      `The job is of the kind "${job.kind}", which this version of Openstage does not know: another version accepted it. Repeat the request.`,
    );
    await lease.write(async (tx, fence, sign) => {
      await endJob(tx, fence, sign, { state: 'failed', problem: describeProblem(problem, undefined) });
      await clearActivity(tx, job.instance);
    });
  }

  async #failBlocked(claim: Claim): Promise<void> {
    const { store, clock, kinds, log, limits } = this.#seams;
    const job = await findJob(store.read, claim.job);
    if (!job) return;
    const problem = new Problem(
      'targetUnavailable',
      `A task of an earlier job of instance ${claim.instance} does not stop; this job waited ${Math.round(limits.blockedMs / 1000)} s for it and did nothing. Restart the platform, then repeat the request.`,
    );
    await store.write(async (tx) => {
      const isEnded = await endWaiting(tx, claim, describeProblem(problem, undefined), clock.now());
      if (isEnded)
        await (kinds.get(job.kind)?.failed(tx, job, problem, false) ?? clearActivity(tx, job.instance));
    });
    log.error(
      { job: claim.job, instance: claim.instance },
      'a job failed because a task of an earlier one does not stop',
    );
  }
}
