import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { outcomeUnknown, placeLost, storeUnavailable } from './faults.ts';

/** How long a commit whose answer was lost is asked about; a server that restarts needs seconds. */
const ASK_MOST_MS = 8_000;
const ASK_EVERY_MS = 100;

/**
 * Sent with the beginning of each transaction, at no cost of a round trip: its number, by which its outcome can be
 * asked for, and whose the database is, so that a platform that lost its place writes nothing more.
 */
const PROOF =
  "select txid_current()::text as id, (select value from facts where name = 'platform') as holder";

interface Proof {
  readonly id: string;
  readonly holder: string | null;
}

/** The pool as Kysely sees it. Without a holder, as migrations need it, transactions are left as they are. */
export function sessionPool(pool: Pool, holder: string | undefined, isGuarded: boolean): PostgresPool {
  return {
    options: pool.options,
    connect: async () => new Session(pool, await pool.connect(), holder, isGuarded),
    end: () => pool.end(),
  };
}

/** One connection while it is handed out. */
class Session implements PostgresPoolClient {
  readonly #pool: Pool;
  readonly #client: PoolClient;
  readonly #holder: string | undefined;
  readonly #isGuarded: boolean;
  #transaction: string | undefined;
  /** It did not answer in time, and may still: nothing more is asked of it. */
  #isSilent = false;

  constructor(pool: Pool, client: PoolClient, holder: string | undefined, isGuarded: boolean) {
    this.#pool = pool;
    this.#client = client;
    this.#holder = holder;
    this.#isGuarded = isGuarded;
  }

  query<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    asked: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof asked !== 'string') throw new TypeError('Cursors are not used here.');
    return this.#run<R>(asked, parameters);
  }

  async #run<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#isGuarded && statement.startsWith('start transaction')) {
      await this.#begin(statement);
      return { command: 'SELECT', rowCount: 0, rows: [] };
    }
    // Its end is the end of its transaction.
    if (statement === 'rollback' && this.#isSilent) return { command: 'ROLLBACK', rowCount: 0, rows: [] };
    if (statement === 'commit' && this.#transaction !== undefined)
      return { command: await this.#commit(this.#transaction), rowCount: 0, rows: [] };
    const { command, rowCount, rows } = await this.#ask(() => this.#client.query(statement, [...parameters]));
    return { command: commandOf(command), rowCount: rowCount ?? 0, rows };
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy === true || this.#isSilent);
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Error && error.message === 'Query read timeout') this.#isSilent = true;
      throw error;
    }
  }

  async #begin(statement: string): Promise<void> {
    const answers: unknown = await this.#ask(() => this.#client.query(`${statement}; ${PROOF}`));
    const proof = proofIn(answers);
    if (this.#holder !== undefined && proof.holder !== this.#holder) {
      await this.#client.query('rollback');
      throw placeLost();
    }
    this.#transaction = proof.id;
  }

  async #commit(transaction: string): Promise<'COMMIT' | 'ROLLBACK'> {
    this.#transaction = undefined;
    try {
      // PostgreSQL ends a failed transaction by this tag, without an error.
      return (await this.#ask(() => this.#client.query('commit'))).command === 'ROLLBACK'
        ? 'ROLLBACK'
        : 'COMMIT';
    } catch (error) {
      // It may have been done all the same: only its answer is known to be lost.
      const outcome = await outcomeOf(this.#pool, transaction);
      if (outcome === 'committed') return 'COMMIT';
      throw outcome === 'aborted' ? storeUnavailable(error) : outcomeUnknown(error);
    }
  }
}

const commands = ['UPDATE', 'DELETE', 'INSERT', 'SELECT', 'MERGE', 'COMMIT', 'ROLLBACK'] as const;

/** Of all that is none of these nothing but its rows matters. */
const commandOf = (tag: string) => commands.find((one) => one === tag) ?? 'SELECT';

function proofIn(answers: unknown): Proof {
  const last: unknown = Array.isArray(answers) ? answers.at(-1) : undefined;
  const rows: unknown = Object(last).rows;
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  const { id, holder }: { id?: unknown; holder?: unknown } = Object(row);
  if (typeof id !== 'string') throw new Error('The database did not tell the number of a transaction.');
  return { id, holder: typeof holder === 'string' ? holder : null };
}

async function outcomeOf(pool: Pool, transaction: string): Promise<'committed' | 'aborted' | 'unknown'> {
  for (const end = performance.now() + ASK_MOST_MS; performance.now() < end; await pause(ASK_EVERY_MS)) {
    try {
      const { rows } = await pool.query<{ status: string | null }>(
        'select txid_status($1::bigint) as status',
        [transaction],
      );
      const status = rows[0]?.status;
      if (status === 'committed' || status === 'aborted') return status;
      // Too old to be known, or of another server: nobody will know.
      if (status !== 'in progress') return 'unknown';
    } catch {
      // Not there yet.
    }
  }
  return 'unknown';
}
