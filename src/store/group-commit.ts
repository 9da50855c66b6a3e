import { setTimeout as pause } from 'node:timers/promises';
import { Kysely } from 'kysely';
import { Problem } from '../domain/errors.ts';
import { storeLocked, storeUnavailable } from './faults.ts';
import { type SqliteConnection, sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

interface Limits {
  /** Works that share one commit. One flush carries them all; more would only delay the first. */
  readonly maxBatch: number;
  /** Works that may wait. Beyond it callers are told to come back, so that memory stays bounded. */
  readonly maxWaiting: number;
  /** A work holds the only writer, so one that awaits something else is cut off. */
  readonly maxWorkMs: number;
  /** For another process that writes to the same file: a backup that ends, a person with a database shell. */
  readonly maxLockedMs: number;
}
const usualLimits: Limits = { maxBatch: 128, maxWaiting: 4_096, maxWorkMs: 5_000, maxLockedMs: 2_000 };

interface Waiting {
  /** Runs the work inside the open transaction and tells what to do once that is committed. */
  run(): Promise<Settled>;
  fail(problem: unknown): void;
}
interface Settled {
  readonly isKept: boolean;
  afterCommit(): void;
}

/**
 * Lets works that wait at the same time share one transaction, and so one flush to the disk: four times the
 * throughput of a commit each. Each work has a savepoint of its own, and is answered after the commit only.
 */
export class GroupCommit {
  readonly #connection: SqliteConnection;
  readonly #limits: Limits;
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(connection: SqliteConnection, limits: Partial<Limits> = {}) {
    this.#connection = connection;
    this.#limits = { ...usualLimits, ...limits };
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    if (this.#isClosed)
      return Promise.reject(
        new Problem('unavailable', 'The store is closed because the platform is stopping; try again later.'),
      );
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      return Promise.reject(
        new Problem(
          'unavailable',
          `${this.#limits.maxWaiting} writes wait for the store already; try again in a moment.`,
        ),
      );
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: () => this.#perform(work, resolve, reject), fail: reject });
      this.#draining ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn of the event loop lets the requests that have arrived meanwhile join, and reads have theirs.
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#commitTogether(this.#waiting.splice(0, this.#limits.maxBatch));
    }
    this.#draining = undefined;
  }

  async #commitTogether(batch: readonly Waiting[]): Promise<void> {
    const settled: Settled[] = [];
    try {
      await beginWithin(this.#limits.maxLockedMs, this.#connection);
      for (const waiting of batch) {
        settled.push(await waiting.run());
        // A full disk ends the whole transaction, with the works before this one.
        if (!this.#connection.isInTransaction) throw new Error('the database ended the transaction');
      }
      if (settled.some((one) => one.isKept)) this.#connection.exec('commit');
      else this.#connection.rollBack();
    } catch (error) {
      this.#connection.rollBack();
      const problem = error instanceof Problem ? error : storeUnavailable(error);
      for (const waiting of batch) waiting.fail(problem);
      return;
    }
    for (const one of settled) one.afterCommit();
  }

  async #perform<T>(
    work: (tx: Kysely<Tables>) => Promise<T>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ): Promise<Settled> {
    let isOpen = true;
    let isSaved = false;
    const tx = new Kysely<Tables>({ dialect: sqliteDialect(this.#connection, () => isOpen) });
    try {
      this.#connection.exec('savepoint work');
      isSaved = true;
      const value = await within(this.#limits.maxWorkMs, work(tx));
      isOpen = false;
      this.#connection.exec('release work');
      return { isKept: true, afterCommit: () => resolve(value) };
    } catch (error) {
      isOpen = false;
      if (isSaved && this.#connection.isInTransaction)
        this.#connection.exec('rollback to work; release work');
      return { isKept: false, afterCommit: () => reject(error) };
    }
  }
}

const LOOK_MS = 10;

/** Begins a transaction that writes once no other process does; everything else of this one goes on meanwhile. */
export async function beginWithin(mostMs: number, connection: SqliteConnection): Promise<void> {
  for (const end = performance.now() + mostMs; !connection.tryBegin(); await pause(LOOK_MS))
    if (performance.now() >= end) throw storeLocked(connection.file);
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Problem(
          'unavailable',
          `A write held the store for more than ${limitMs} ms and was rolled back; try again.`,
        ),
      );
    }, limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
