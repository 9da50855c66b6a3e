import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { migrateSqlite } from '../../src/store/migrate.ts';
import type { Store } from '../../src/store/open.ts';
import { SqliteConnection, sqliteDialect } from '../../src/store/sqlite.ts';
import type { Tables } from '../../src/store/tables.ts';

export interface SimulatedDatabase {
  readonly store: Store;
  /** Looks into the tables past the store. */
  readonly connection: SqliteConnection;
  /** For the next schedule. */
  clear(): Promise<void>;
}

/** The store's own code on a database in memory. Calls never overlap here, so one connection serves reading and writing. */
export async function openInMemory(): Promise<SimulatedDatabase> {
  const connection = new SqliteConnection(':memory:', false);
  await migrateSqlite(connection, () => {});
  const read = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
  const commits = new GroupCommit(connection);
  const store: Store = {
    read,
    write: (work) => commits.write(work),
    check: () => Promise.resolve(),
    keepReserve: () => Promise.resolve(),
    async close() {
      await commits.close();
      await read.destroy();
      connection.close();
    },
  };
  return {
    store,
    connection,
    clear: () => {
      connection.exec('delete from tasks; delete from jobs; delete from facts');
      return Promise.resolve();
    },
  };
}

/** How a process reaches the store: later, not at all, or without hearing the answer. */
export type Reach = <T>(what: 'read' | 'write', work: () => Promise<T>) => Promise<T>;

export function storeThrough(store: Store, reach: Reach): Pick<Store, 'read' | 'write'> {
  return {
    read: readThrough(store, reach),
    write: (work) => reach('write', () => store.write(work)),
  };
}

function readThrough(store: Store, reach: Reach): Kysely<Tables> {
  const connection: DatabaseConnection = {
    executeQuery: <R>(query: CompiledQuery): Promise<QueryResult<R>> =>
      reach('read', () => store.read.executeQuery<R>(CompiledQuery.raw(query.sql, [...query.parameters]))),
    streamQuery: () => {
      throw new Error('Nothing streams here.');
    },
  };
  const refuse = () => Promise.reject(new Error('Nothing writes outside of `write`.'));
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}
