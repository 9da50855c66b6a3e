import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Kysely } from 'kysely';
import type { Tap } from './faults.ts';
import { GroupCommit } from './group-commit.ts';
import { migratePostgres, migrateSqlite } from './migrate.ts';
import { postgresDatabase, PostgresWriter } from './postgres.ts';
import { type Holder, holderText, Place } from './postgres-place.ts';
import { keepReserve } from './reserve.ts';
import { Sockets } from './sockets.ts';
import { SqliteConnection, sqliteDialect } from './sqlite.ts';
import { SqliteFiles } from './sqlite-files.ts';
import type { Tables } from './tables.ts';

/** A transaction under way. Work done with it must await nothing but its own queries. */
export type Tx = Kysely<Tables>;

/** Committed data, or a transaction: what a function that only reads takes. */
export type Db = Kysely<Tables>;

export interface Store {
  /** Sees committed data only. */
  readonly read: Kysely<Tables>;
  /**
   * Runs `work` in a transaction and resolves after the commit; a throw rolls back this work alone.
   * Works that wait at the same time may share one commit; a work may run more than once before it counts,
   * so it changes nothing but its rows. It must not go on after a query of its own has thrown.
   * Fails with a Problem of code `unavailable` when the database cannot be used now.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Throws where it cannot be read or may not be written now. */
  check(): Promise<void>;
  /** Sees to it that a full disk does not keep the database from taking what frees it; for now and then. */
  keepReserve(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreLog {
  warn(fields: object, message: string): void;
}

export interface StoreSettings {
  /** `postgres://…`; absent: SQLite in the data directory. */
  readonly url?: string;
  readonly dataDir: string;
  readonly log: StoreLog;
  /** The platform that is to be the only one on a shared database; absent: whoever opens it does not ask. */
  readonly place?: Holder;
  /** Sees every statement before it runs; a throw stands for a fault of the database. */
  readonly tap?: Tap;
}

/** SQLite's, in the data directory. */
export const DATABASE_FILE = 'openstage.db';

/** Opens the store and brings its tables up to date; refuses, in a sentence, what it cannot use. */
export async function openStore(settings: StoreSettings): Promise<Store> {
  const { url } = settings;
  if (url === undefined || url === '') return openSqlite(settings);
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgres(settings, url);
  throw new Error(
    `The database address starts with "${url.slice(0, url.indexOf(':') + 1)}"; expected postgres://user:password@host:port/database, ` +
      'or none for SQLite in the data directory.',
  );
}

async function openSqlite({ dataDir, tap, log }: StoreSettings): Promise<Store> {
  const file = join(dataDir, DATABASE_FILE);
  // Before SQLite does, whose files beside it take over its mode: applications can traverse the data directory.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const writer = new SqliteConnection(file, false, tap);
  try {
    await migrateSqlite(writer, tellUnknown(log));
  } catch (error) {
    writer.close();
    throw error;
  }
  // A connection of its own: it sees what is committed, never a transaction under way.
  const reader = new SqliteConnection(file, true, tap);
  reader.open();
  const read = new Kysely<Tables>({ dialect: sqliteDialect(reader) });
  const commits = new GroupCommit(writer);
  const files = new SqliteFiles(file);
  const write: Store['write'] = async (work) => {
    files.assertThere();
    return commits.write(work);
  };
  return {
    read,
    write,
    keepReserve: () => keepReserve(file, { read, write }),
    async check() {
      files.assertThere();
      await look(read);
    },
    async close() {
      await commits.close();
      await read.destroy();
      reader.close();
      writer.close();
    },
  };
}

async function openPostgres({ log, tap, place }: StoreSettings, url: string): Promise<Store> {
  const onIdleFault = (error: Error) => log.warn({ err: error }, 'a connection to the database broke');
  const held = place && (await Place.take(url, place, log));
  try {
    await migratePostgres({ url, onIdleFault }, tellUnknown(log));
    await held?.announce();
  } catch (error) {
    await held?.close();
    throw error;
  }
  const holder = place && holderText(place);
  const sockets = new Sockets();
  const db = postgresDatabase({
    url,
    sockets,
    onIdleFault,
    ...(tap ? { tap } : {}),
    ...(holder !== undefined && { holder }),
  });
  const writer = new PostgresWriter(db, () => held?.assertHeld());
  return {
    read: db,
    write: (work) => writer.write(work),
    // Its disk is its server's.
    keepReserve: () => Promise.resolve(),
    async check() {
      held?.assertHeld();
      await look(db);
    },
    async close() {
      await sockets.end(() => db.destroy());
      await held?.close();
    },
  };
}

const look = (read: Kysely<Tables>) => read.selectFrom('projects').select('id').limit(1).execute();

const tellUnknown = (log: StoreLog) => (migration: string) =>
  log.warn(
    { migration },
    'the database holds a migration of a newer Openstage that this version can leave alone; it works without what that added',
  );
