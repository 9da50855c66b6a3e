import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  type SelectModifierNode,
  SqliteDialect,
  SqliteQueryCompiler,
  type QueryCompiler,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely';
import { Problem } from '../domain/errors.ts';
import { codeOf, isSystemFault, storable, storeUnavailable, type Tap, UniqueViolation } from './faults.ts';

/** How long a statement waits for another process. It blocks this one, so whoever may wait longer asks again instead. */
const BUSY_TIMEOUT_MS = 20;

/** Distinct statements kept prepared; the store has some two hundred. */
const MAX_PREPARED = 512;

const BUSY = 5;
/** Result codes of SQLite (the low byte of `errcode`) that say "not now", not "wrong statement". */
const faultCodes: ReadonlySet<number> = new Set([
  3, // PERM
  BUSY,
  6, // LOCKED
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  26, // NOTADB
]);
const UNIQUE = 2067;
const PRIMARY_KEY = 1555;

interface Prepared {
  readonly statement: StatementSync;
  /** Kept beside it: asking SQLite describes every column, which took twice as long as a read by primary key. */
  readonly hasColumns: boolean;
}

/** One connection to a database file. Statements run at once, in the order in which they are given. */
export class SqliteConnection {
  readonly file: string;
  readonly #readOnly: boolean;
  readonly #tap: Tap | undefined;
  /** Absent before the first call, while closed, and after a fault that left it in doubt: the next call opens the file. */
  #opened: DatabaseSync | undefined;
  #prepared = new Map<string, Prepared>();

  constructor(file: string, readOnly: boolean, tap?: Tap) {
    this.file = file;
    this.#readOnly = readOnly;
    this.#tap = tap;
  }

  /** Otherwise the first call does. */
  open(): void {
    this.#guard(() => this.#db);
  }

  get #db(): DatabaseSync {
    return (this.#opened ??= this.#open());
  }

  #open(): DatabaseSync {
    const db = new DatabaseSync(this.file, { readOnly: this.#readOnly, timeout: BUSY_TIMEOUT_MS });
    try {
      // FULL: a commit is on the disk before it is answered, also when the power goes.
      if (!this.#readOnly)
        db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma journal_size_limit = 67108864');
      db.exec('pragma foreign_keys = on; pragma temp_store = memory; pragma cache_size = -8000');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  get isInTransaction(): boolean {
    return this.#opened?.isTransaction === true;
  }

  exec(sql: string): void {
    this.#guard(() => {
      this.#tap?.(sql);
      this.#db.exec(sql);
    });
  }

  /** Opens a transaction that writes; false: another process writes just now. */
  tryBegin(): boolean {
    try {
      this.exec('begin immediate');
      return true;
    } catch (error) {
      if (error instanceof Problem && isBusy(error.cause)) return false;
      throw error;
    }
  }

  statement(sql: string): SqliteStatement {
    const { statement, hasColumns } = this.#guard(() => this.#prepare(sql));
    const run = <T>(work: () => T): T =>
      this.#guard(() => {
        this.#tap?.(sql);
        return work();
      });
    return {
      reader: hasColumns,
      all: (parameters) => run(() => statement.all(...parameters.map(bindable))),
      run: (parameters) => run(() => statement.run(...parameters.map(bindable))),
      iterate: (parameters) => run(() => statement.iterate(...parameters.map(bindable))),
    };
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known) return known;
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear();
    const statement = this.#db.prepare(sql);
    const prepared = { statement, hasColumns: statement.columns().length > 0 };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  /** Ends whatever transaction is open, if need be by closing the file. */
  rollBack(): void {
    try {
      if (this.isInTransaction) this.exec('rollback');
    } catch {
      this.close();
    }
  }

  close(): void {
    this.#prepared = new Map();
    this.#opened?.close();
    this.#opened = undefined;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    if (isSystemFault(error)) return storeUnavailable(error);
    if (!(error instanceof Error) || codeOf(error) !== 'ERR_SQLITE_ERROR') return error;
    const result = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
    if (result === UNIQUE || result === PRIMARY_KEY) {
      return new UniqueViolation(this.#constraintOf(error.message, result === PRIMARY_KEY), { cause: error });
    }
    return faultCodes.has(result & 0xff) ? storeUnavailable(error) : error;
  }

  /** SQLite names the columns, "UNIQUE constraint failed: t.a, t.b"; the callers know constraints by name. */
  #constraintOf(message: string, isPrimaryKey: boolean): string {
    const columns = message
      .slice(message.indexOf(':') + 1)
      .split(',')
      .map((column) => column.trim());
    const table = columns[0]?.split('.')[0] ?? '';
    if (isPrimaryKey) return `${table}_pkey`;
    const wanted = columns.map((column) => column.slice(table.length + 1)).join(',');
    const found = this.#db
      .prepare(
        `select i.name as name from pragma_index_list(?) i where i."unique" = 1 and ? =
          (select group_concat(name, ',') from (select name from pragma_index_info(i.name) order by seqno))`,
      )
      .get(table, wanted);
    return typeof found?.['name'] === 'string' ? found['name'] : `${table}(${wanted})`;
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error &&
  'errcode' in error &&
  typeof error.errcode === 'number' &&
  (error.errcode & 0xff) === BUSY;

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'string') return storable(value);
  if (value === null || typeof value === 'number' || typeof value === 'bigint') return value;
  throw new TypeError(`A statement was given ${typeof value}; expected text, a number or null.`);
}

/** SQLite has one writer at a time, so a transaction that writes holds every row: row locks are dropped. */
class CompilerWithoutRowLocks extends SqliteQueryCompiler {
  protected override visitSelectModifier(_: SelectModifierNode): void {}
}

class Dialect extends SqliteDialect {
  override createQueryCompiler(): QueryCompiler {
    return new CompilerWithoutRowLocks();
  }
}

/** Closing what Kysely made does not close the connection: it belongs to the store. */
export function sqliteDialect(
  connection: SqliteConnection,
  isUsable: () => boolean = () => true,
): SqliteDialect {
  const database: SqliteDatabase = {
    prepare: (sql) => {
      if (!isUsable())
        throw new Error('The transaction has ended; a work must await all its queries before it returns.');
      return connection.statement(sql);
    },
    close: () => {},
  };
  return new Dialect({ database });
}
