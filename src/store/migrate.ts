import { createHash } from 'node:crypto';
import { Kysely, sql } from 'kysely';
import { type Migration as Step, Migrator } from 'kysely/migration';
import { beginWithin } from './group-commit.ts';
import { migrations } from './migrations/all.ts';
import type { Migration, Words } from './migrations/migration.ts';
import { type PoolSettings, postgresDatabase } from './postgres.ts';
import { type SqliteConnection, sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

/** At start: another process that migrates, or a backup, ends by then. */
const LOCKED_MOST_MS = 5_000;

/** What the two databases call the same thing. */
const sqliteWords: Words = { text: 'text', whole: 'integer', tableEnd: 'strict' };
// Collation "C" orders by bytes, as SQLite does, whatever the server's locale.
const postgresWords: Words = { text: 'text collate "C"', whole: 'bigint', tableEnd: '' };

/** Told of each migration in the database that this version does not know and may leave alone. */
export type OnUnknown = (name: string) => void;

export async function migrateSqlite(
  connection: SqliteConnection,
  onUnknown: OnUnknown,
  list: readonly Migration[] = migrations,
): Promise<void> {
  const db = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
  // One transaction for all: a crash in the middle leaves the old tables, and a second process waits.
  await beginWithin(LOCKED_MOST_MS, connection);
  try {
    await migrate(db, list, sqliteWords, onUnknown);
    connection.exec('commit');
  } catch (error) {
    connection.rollBack();
    throw error;
  }
}

export async function migratePostgres(
  settings: Omit<PoolSettings, 'statementTimeoutMs'>,
  onUnknown: OnUnknown,
  list: readonly Migration[] = migrations,
): Promise<void> {
  const db = postgresDatabase({ ...settings, maxConnections: 2, statementTimeoutMs: 0 });
  try {
    await assertUtf8(db);
    await migrate(db, list, postgresWords, onUnknown);
  } finally {
    await db.destroy();
  }
}

/** In another encoding some text could not be stored, or would come back as something else: only once it is used. */
async function assertUtf8(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ server_encoding: string }>`show server_encoding`.execute(db);
  const encoding = rows[0]?.server_encoding;
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database is encoded in ${encoding}; expected UTF8, since names and logs may be in any language. ` +
      "Make another one (create database openstage encoding 'UTF8' locale 'C' template template0) and name it with --database-url.",
  );
}

async function migrate(
  db: Kysely<Tables>,
  list: readonly Migration[],
  words: Words,
  onUnknown: OnUnknown,
): Promise<void> {
  const checksums = new Map(list.map((migration) => [migration.name, checksum(migration, words)]));
  await createTable(db, 'migration_checksums', 'name text not null primary key, checksum text not null');
  // A table beside, not a column: what versions before wrote stays as they know it.
  await createTable(db, 'expanding_migrations', 'name text not null primary key');
  const unknown = await findUnknown(db, checksums);
  const steps: Record<string, Step> = {};
  for (const migration of list) {
    steps[migration.name] = {
      async up(step: Kysely<Tables>) {
        for (const statement of migration.statements(words)) await sql.raw(statement).execute(step);
        const { name, isExpanding } = migration;
        await step
          .insertInto('migration_checksums')
          .values({ name, checksum: checksums.get(name) ?? '' })
          .execute();
        if (isExpanding) await step.insertInto('expanding_migrations').values({ name }).execute();
      },
    };
  }
  // The migrator refuses to go on where one that ran is not listed.
  for (const name of unknown) steps[name] = { up: () => Promise.resolve() };
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(steps) },
    // A step of this version may sort before one of a newer version that went away again.
    allowUnorderedMigrations: true,
  }).migrateToLatest();
  // Another process may have migrated between the first look and the lock.
  const left = await findUnknown(db, checksums);
  if (error !== undefined) throw error;
  for (const name of left) onUnknown(name);
}

const createTable = (db: Kysely<Tables>, name: string, columns: string) =>
  sql
    .raw(`create table if not exists ${name} (${columns})`)
    .execute(db)
    .catch(
      // Two processes that create it at once: PostgreSQL lets one of them fail.
      async (error: unknown) => {
        await sql
          .raw(`select 1 from ${name}`)
          .execute(db)
          .catch(() => {
            throw error;
          });
      },
    );

/** Names of migrations that a newer version left and that may stay; throws where this version cannot work with them. */
async function findUnknown(
  db: Kysely<Tables>,
  checksums: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const applied = await db.selectFrom('migration_checksums').selectAll().orderBy('name').execute();
  const expanding = await db.selectFrom('expanding_migrations').select('name').execute();
  const mayStay = new Set(expanding.map(({ name }) => name));
  const unknown: string[] = [];
  for (const { name, checksum: stored } of applied) {
    const known = checksums.get(name);
    if (known === undefined) {
      if (!mayStay.has(name)) {
        throw new Error(
          `The database was written by a newer Openstage: it holds migration "${name}", which this version does not know and cannot work with. ` +
            'Start the newer Openstage again, or restore a backup from before the upgrade.',
        );
      }
      unknown.push(name);
    } else if (known !== stored) {
      throw new Error(
        `Migration "${name}" is not what this database was made with (checksum ${known.slice(0, 12)}, expected ${stored.slice(0, 12)}). ` +
          'A migration must never be edited once it ran: restore its file and put the change into a new one.',
      );
    }
  }
  return unknown;
}

/** Of the statements themselves; their layout in the source does not matter. */
function checksum(migration: Migration, words: Words): string {
  const statements = migration.statements(words).map((statement) => statement.replace(/\s+/g, ' ').trim());
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex');
}
