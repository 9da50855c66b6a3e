import { createHash } from 'node:crypto';
import { Kysely, sql } from 'kysely';
import { type Migration as Step, Migrator } from 'kysely/migration';
import { migrations } from './migrations/all.ts';
import type { Migration, Words } from './migrations/migration.ts';
import { type PoolSettings, postgresDatabase } from './postgres.ts';
import { type SqliteConnection, sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

/** What the two databases call the same thing. */
const sqliteWords: Words = { text: 'text', whole: 'integer', tableEnd: 'strict' };
// Collation "C" orders by bytes, as SQLite does, whatever the server's locale.
const postgresWords: Words = { text: 'text collate "C"', whole: 'bigint', tableEnd: '' };

export async function migrateSqlite(
  connection: SqliteConnection,
  list: readonly Migration[] = migrations,
): Promise<void> {
  const db = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
  // One transaction for all: a crash in the middle leaves the old tables, and a second process waits.
  connection.exec('begin immediate');
  try {
    await migrate(db, list, sqliteWords);
    connection.exec('commit');
  } catch (error) {
    connection.rollBack();
    throw error;
  }
}

export async function migratePostgres(
  settings: Omit<PoolSettings, 'statementTimeoutMs'>,
  list: readonly Migration[] = migrations,
): Promise<void> {
  const db = postgresDatabase({ ...settings, maxConnections: 2, statementTimeoutMs: 0 });
  try {
    await migrate(db, list, postgresWords);
  } finally {
    await db.destroy();
  }
}

async function migrate(db: Kysely<Tables>, list: readonly Migration[], words: Words): Promise<void> {
  const checksums = new Map(list.map((migration) => [migration.name, checksum(migration, words)]));
  await sql`create table if not exists migration_checksums (name text not null primary key, checksum text not null)`
    .execute(db)
    .catch(
      // Two processes that create it at once: PostgreSQL lets one of them fail.
      async (error: unknown) => {
        await sql`select 1 from migration_checksums`.execute(db).catch(() => {
          throw error;
        });
      },
    );
  await refuseForeign(db, checksums);
  const steps: Record<string, Step> = {};
  for (const migration of list) {
    steps[migration.name] = {
      async up(step: Kysely<Tables>) {
        for (const statement of migration.statements(words)) await sql.raw(statement).execute(step);
        await step
          .insertInto('migration_checksums')
          .values({ name: migration.name, checksum: checksums.get(migration.name) ?? '' })
          .execute();
      },
    };
  }
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(steps) },
  }).migrateToLatest();
  // Another process may have migrated between the first look and the lock.
  await refuseForeign(db, checksums);
  if (error !== undefined) throw error;
}

async function refuseForeign(db: Kysely<Tables>, checksums: ReadonlyMap<string, string>): Promise<void> {
  const applied = await db.selectFrom('migration_checksums').selectAll().orderBy('name').execute();
  for (const { name, checksum: stored } of applied) {
    const known = checksums.get(name);
    if (known === undefined) {
      throw new Error(
        `The database was written by a newer Openstage: it holds migration "${name}", which this one does not know. ` +
          'Start the newer Openstage again, or restore a backup from before the upgrade.',
      );
    }
    if (known !== stored) {
      throw new Error(
        `Migration "${name}" is not what this database was made with (checksum ${known.slice(0, 12)}, expected ${stored.slice(0, 12)}). ` +
          'A migration must never be edited once it ran: restore its file and put the change into a new one.',
      );
    }
  }
}

/** Of the statements themselves; their layout in the source does not matter. */
function checksum(migration: Migration, words: Words): string {
  const statements = migration.statements(words).map((statement) => statement.replace(/\s+/g, ' ').trim());
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex');
}
