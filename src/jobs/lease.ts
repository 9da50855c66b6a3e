import type { JobPhase } from '../domain/job.ts';
import {
  beat,
  type Fence,
  LeaseLost,
  letGo,
  releaseLease,
  type Sign,
  type Standing,
  type Taken,
} from '../store/job-leases.ts';
import { noteProgress } from '../store/job-progress.ts';
import type { StoredJob, StoredTask } from '../store/jobs.ts';
import type { Store, Tx } from '../store/open.ts';
import { type Clock, OVER } from './clock.ts';
import { Stopped, type StopReason } from './kind.ts';
import type { EngineLimits } from './limits.ts';
import type { EngineLog } from './log.ts';
import { backOffMs, isPassing, messageOf } from './retry.ts';

/** Progress is written with a heartbeat of its own, this long after it was told, so that a chatty task costs little. */
const NOTE_MS = 250;

/** Deadlines are looked at anew after this long at most. */
const MAX_WATCH_MS = 60_000;

export interface LeaseSeams {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly clock: Clock;
  /** `<node>:<run>` */
  readonly owner: string;
  readonly limits: EngineLimits;
  readonly log: EngineLog;
}

/**
 * The hold on one job: proves it by heartbeats, counts the time that the job uses up, and tells its tasks to stop when
 * either ends. All that a worker writes about the job goes through `write`, and so carries the fence.
 */
export class Lease {
  readonly job: StoredJob;
  readonly tasks: readonly StoredTask[];
  readonly #seams: LeaseSeams;
  readonly #fence: Fence;
  readonly #usedMs: Record<JobPhase, number>;
  #phase: JobPhase;
  /** Monotonic; when the present phase began under this lease. */
  #phaseBegan: number;
  /** Monotonic; the job was certainly ours then. */
  #provenAt: number;
  /** For the tasks of the present phase. */
  #stop = new AbortController();
  /** The job is no longer ours to work on: stopping, lost or pre-empted. */
  readonly #gone = new AbortController();
  readonly #closed = new AbortController();
  #pause = new AbortController();
  #note: { readonly position: number; readonly message: string } | undefined;

  constructor(seams: LeaseSeams, taken: Taken, begunAt: number) {
    this.#seams = seams;
    this.job = taken.job;
    this.tasks = taken.tasks;
    this.#fence = taken.fence;
    this.#usedMs = { forward: taken.forwardUsedMs, undo: taken.undoUsedMs };
    this.#phase = taken.job.phase;
    this.#phaseBegan = begunAt;
    this.#provenAt = begunAt;
    void this.#beat();
  }

  get owner(): string {
    return this.#seams.owner;
  }

  /** The signal for the tasks of a phase; its deadline runs from now, less what other workers used up. */
  beginPhase(phase: JobPhase): AbortSignal {
    if (phase !== this.#phase) {
      this.#usedMs[this.#phase] = this.#usedInPhase();
      this.#phase = phase;
      this.#phaseBegan = this.#seams.clock.monotonic();
    }
    this.#stop = new AbortController();
    if (this.#gone.signal.aborted) this.#stop.abort(this.#gone.signal.reason);
    void this.#watch(this.#stop.signal);
    return this.#stop.signal;
  }

  stop(reason: StopReason): void {
    const stopped = new Stopped(reason);
    if (reason !== 'deadline') this.#gone.abort(stopped);
    this.#stop.abort(stopped);
  }

  /** Ends heartbeats; the job may be taken by others from then on. */
  close(): void {
    this.#closed.abort(OVER);
    this.#pause.abort(OVER);
  }

  note(position: number, message: string): void {
    this.#note = { position, message };
    this.#pause.abort(OVER);
  }

  /**
   * A fenced write: `work` must pass fence and sign to a function of the store that holds the fence.
   * Repeated while the store is away, until the job is no longer ours; throws Stopped then.
   */
  async write<T>(
    work: (tx: Tx, fence: Fence, sign: Sign) => Promise<T>,
    until: AbortSignal = this.#gone.signal,
  ): Promise<T> {
    const { store, clock, limits, log } = this.#seams;
    for (let failures = 1; ; failures += 1) {
      const begun = clock.monotonic();
      try {
        const value = await store.write((tx) => work(tx, this.#fence, this.#sign()));
        this.#provenAt = Math.max(this.#provenAt, begun);
        return value;
      } catch (error) {
        if (error instanceof LeaseLost) throw await this.#lost();
        if (!isPassing(error)) throw error;
        log.warn({ job: this.job.id, failures, err: messageOf(error) }, 'a write of the job is tried again');
      }
      await clock.sleep(backOffMs(failures, limits), until);
      if (until.aborted) throw this.#gone.signal.aborted ? this.#gone.signal.reason : new Stopped('lost');
    }
  }

  /** As `write`, but it goes on however long the store is away, as long as the lease is open. */
  writeInTheEnd<T>(work: (tx: Tx, fence: Fence, sign: Sign) => Promise<T>): Promise<T> {
    return this.write(work, this.#closed.signal);
  }

  /** The platform stops: another run goes on at once. Tried once only, since a run of this node is let in anyway. */
  async release(): Promise<void> {
    await this.#seams.store.write((tx) => releaseLease(tx, this.#fence, this.#sign()));
  }

  /** For a job that ended under its worker: the next one of the instance may begin. */
  async letGo(): Promise<void> {
    await this.#seams.store.write((tx) => letGo(tx, this.job.id, this.#seams.owner));
  }

  #usedInPhase(): number {
    return this.#usedMs[this.#phase] + this.#seams.clock.monotonic() - this.#phaseBegan;
  }

  #sign(): Sign {
    const used = { ...this.#usedMs, [this.#phase]: this.#usedInPhase() };
    return { now: this.#seams.clock.now(), forwardUsedMs: used.forward, undoUsedMs: used.undo };
  }

  async #lost(): Promise<Stopped> {
    const standing = await this.#standing().catch(() => 'lost' as const);
    const reason = standing === 'ended' ? 'preempted' : 'lost';
    this.stop(reason);
    return new Stopped(reason);
  }

  async #standing(): Promise<Standing> {
    const { store, owner } = this.#seams;
    const note = this.#note;
    const standing = await store.write(async (tx) => {
      const standing = await beat(tx, this.#fence, owner, this.#sign());
      if (standing === 'held' && note) await noteProgress(tx, this.job.id, note.position, note.message);
      return standing;
    });
    if (this.#note === note) this.#note = undefined;
    return standing;
  }

  /** Goes on after the job ended under its worker, until that lets go: a task may still be at work. */
  async #beat(): Promise<void> {
    const { clock, limits, log } = this.#seams;
    let waitMs = limits.heartbeatMs;
    while (!this.#closed.signal.aborted) {
      this.#pause = new AbortController();
      if (this.#note) this.#pause.abort(OVER);
      await clock.sleep(waitMs, this.#pause.signal);
      if (this.#note && !this.#closed.signal.aborted) await clock.sleep(NOTE_MS, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      const begun = clock.monotonic();
      try {
        const standing = await this.#standing();
        if (standing === 'lost') {
          this.stop('lost');
          return;
        }
        if (standing === 'ended') this.stop('preempted');
        this.#provenAt = Math.max(this.#provenAt, begun);
        waitMs = limits.heartbeatMs;
      } catch (error) {
        log.warn({ job: this.job.id, err: messageOf(error) }, 'a heartbeat failed');
        waitMs = limits.heartbeatMs / 4;
      }
    }
  }

  #deadlineAt(): number {
    const { limits } = this.#seams;
    const allowedMs = this.#phase === 'forward' ? limits.forwardMs : limits.undoMs;
    return this.#phaseBegan + allowedMs - this.#usedMs[this.#phase];
  }

  /** Milliseconds until it is to be checked again. */
  #checkTime(): number {
    const now = this.#seams.clock.monotonic();
    const ends = [
      { reason: 'deadline', at: this.#deadlineAt() },
      { reason: 'lost', at: this.#provenAt + this.#seams.limits.lostAfterMs },
    ] as const;
    for (const { reason, at } of ends) if (now >= at) this.stop(reason);
    return Math.min(MAX_WATCH_MS, ...ends.map(({ at }) => at - now).filter((ms) => ms > 0));
  }

  /**
   * For one phase. Begins at once: a deadline may have passed already. Goes on after the deadline, since what a task
   * does until it has stopped needs the lease as well.
   */
  async #watch(stop: AbortSignal): Promise<void> {
    const isOver = () => this.#gone.signal.aborted || this.#closed.signal.aborted;
    while (stop === this.#stop.signal && !isOver()) {
      const waitMs = this.#checkTime();
      await this.#seams.clock.sleep(waitMs, this.#closed.signal);
    }
  }
}
