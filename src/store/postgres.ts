import { setTimeout as pause } from 'node:timers/promises';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { DatabaseError, Pool, types } from 'pg';
import { Problem } from '../domain/errors.ts';
import {
  codeOf,
  Conflict,
  isSystemFault,
  storable,
  storeUnavailable,
  type Tap,
  UniqueViolation,
} from './faults.ts';
import { sessionPool } from './postgres-session.ts';
import type { Sockets } from './sockets.ts';
import type { Tables } from './tables.ts';

/** Connections of one platform process; PostgreSQL's own default is 100 for all. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** A row lock is held for milliseconds; whoever waits longer is told to come back. */
const LOCK_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** A server that stands still does not even say that: who waits for it is told after so long. */
const ANSWER_MS = 15_000;
/** A transaction that does nothing for so long is cut off by the server. */
const IDLE_TRANSACTION_MS = 10_000;
const MAX_ATTEMPTS = 6;
/** Works under way or waiting; beyond it callers are told to come back, so that memory stays bounded. */
const MAX_WAITING = 4_096;
const INT8_OID = 20;

/** Classes of SQLSTATE that say "not now": connection, resources, operator intervention, system error, read-only. */
const faultClasses: ReadonlySet<string> = new Set(['08', '53', '57', '58', '28', '3D']);
const faultStates: ReadonlySet<string> = new Set(['55P03', '25006', '25P03']);
const FOREIGN_KEY_STATE = '23503';
const conflictStates: ReadonlySet<string> = new Set(['40001', '40P01']);

export interface PoolSettings {
  readonly url: string;
  readonly maxConnections?: number;
  /** 0: none, for migrations. */
  readonly statementTimeoutMs?: number;
  readonly tap?: Tap;
  readonly onIdleFault: (error: Error) => void;
  /** Where its connections are made, for whoever ends them all. */
  readonly sockets?: Sockets;
  /** What facts name as the platform while it may write; absent: nobody asks. */
  readonly holder?: string;
}

function openPool(settings: PoolSettings): Pool {
  const statementTimeoutMs = settings.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const pool = new Pool({
    connectionString: settings.url,
    max: settings.maxConnections ?? MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'openstage',
    ...(settings.sockets && { stream: settings.sockets.make }),
    ...(statementTimeoutMs > 0
      ? {
          statement_timeout: statementTimeoutMs,
          query_timeout: ANSWER_MS,
          lock_timeout: LOCK_TIMEOUT_MS,
          idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
        }
      : {}),
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8_OID ? Number : types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks while no query runs would otherwise end the process.
  pool.on('error', settings.onIdleFault);
  pool.on('connect', (client) => client.on('error', settings.onIdleFault));
  return pool;
}

/** Errors come out of it as the store's own. */
class WatchedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #tap: Tap | undefined;
  constructor(inner: DatabaseConnection, tap: Tap | undefined) {
    this.inner = inner;
    this.#tap = tap;
  }
  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return translated(() => {
      this.#tap?.(query.sql);
      const parameters = query.parameters.map((value) =>
        typeof value === 'string' ? storable(value) : value,
      );
      return this.inner.executeQuery<R>({ ...query, parameters });
    });
  }
  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }
}

class WatchedDriver implements Driver {
  readonly #inner: Driver;
  readonly #tap: Tap | undefined;
  constructor(inner: Driver, tap: Tap | undefined) {
    this.#inner = inner;
    this.#tap = tap;
  }
  init(): Promise<void> {
    return this.#inner.init();
  }
  acquireConnection(): Promise<DatabaseConnection> {
    return translated(async () => {
      this.#tap?.('connect');
      return new WatchedConnection(await this.#inner.acquireConnection(), this.#tap);
    });
  }
  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return this.#control('begin', () => this.#inner.beginTransaction(unwrap(connection), settings));
  }
  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#control('commit', () => this.#inner.commitTransaction(unwrap(connection)));
  }
  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#control('rollback', () => this.#inner.rollbackTransaction(unwrap(connection)));
  }
  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#inner.releaseConnection(unwrap(connection));
  }
  destroy(): Promise<void> {
    return this.#inner.destroy();
  }
  #control(sql: string, run: () => Promise<void>): Promise<void> {
    return translated(() => {
      this.#tap?.(sql);
      return run();
    });
  }
}

const unwrap = (connection: DatabaseConnection): DatabaseConnection =>
  connection instanceof WatchedConnection ? connection.inner : connection;

class Dialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;
  readonly #tap: Tap | undefined;
  constructor(config: PostgresDialectConfig, tap: Tap | undefined) {
    super(config);
    this.#config = config;
    this.#tap = tap;
  }
  override createDriver(): Driver {
    return new WatchedDriver(new PostgresDriver(this.#config), this.#tap);
  }
}

async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw translate(error);
  }
}

/** pg reports a lost connection by text alone. */
const isTermination = (error: unknown): boolean =>
  error instanceof Error &&
  codeOf(error) === '' &&
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded|Query read timeout)/.test(
    error.message,
  );

function translate(error: unknown): unknown {
  if (error instanceof Problem) return error;
  const code = codeOf(error);
  if (code === '23505') {
    const constraint = error instanceof DatabaseError ? (error.constraint ?? '') : '';
    return new UniqueViolation(constraint, { cause: error });
  }
  // A parent went after it was looked at: run again, the work's own look says so in its own words.
  if (code === FOREIGN_KEY_STATE || conflictStates.has(code)) return new Conflict({ cause: error });
  const isFault =
    isSystemFault(error) ||
    isTermination(error) ||
    faultStates.has(code) ||
    (code.length === 5 && faultClasses.has(code.slice(0, 2)));
  return isFault ? storeUnavailable(error) : error;
}

export function postgresDatabase(settings: PoolSettings): Kysely<Tables> {
  // Migrations run before there are tables to look into.
  const isGuarded = settings.statementTimeoutMs !== 0;
  const pool = sessionPool(openPool(settings), settings.holder, isGuarded);
  return new Kysely<Tables>({ dialect: new Dialect({ pool }, settings.tap) });
}

/**
 * Runs works in transactions of their own at READ COMMITTED: works lock the rows that they decide on.
 * One that lost a deadlock runs again. So does, once, one that broke a unique rule: if another transaction won
 * a race, the work's own check now sees that row and says so in its own words.
 */
export class PostgresWriter {
  readonly #db: Kysely<Tables>;
  readonly #assertMayWrite: () => void;
  #underWay = 0;

  constructor(db: Kysely<Tables>, assertMayWrite: () => void = () => {}) {
    this.#db = db;
    this.#assertMayWrite = assertMayWrite;
  }

  async write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    this.#assertMayWrite();
    if (this.#underWay >= MAX_WAITING) {
      throw new Problem(
        'unavailable',
        `${MAX_WAITING} writes wait for the store already; try again in a moment.`,
      );
    }
    this.#underWay += 1;
    try {
      return await this.#withRetries(work);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #withRetries<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    let wasNotUnique = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#db.transaction().setIsolationLevel('read committed').execute(work);
      } catch (error) {
        if (error instanceof UniqueViolation && !wasNotUnique) {
          wasNotUnique = true;
          continue;
        }
        if (!(error instanceof Conflict)) throw error;
        if (attempt >= MAX_ATTEMPTS) throw storeUnavailable(error);
        // Random, so that those who met do not meet again.
        await pause(Math.random() * 5 * 2 ** attempt);
      }
    }
  }
}
