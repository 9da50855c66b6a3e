import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { migratePostgres, migrateSqlite } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import type { Migration } from '../../src/store/migrations/migration.ts';
import { SqliteConnection } from '../../src/store/sqlite.ts';
import { databases, type TestDatabase } from './databases.ts';

const run = promisify(execFile);

async function migrate({ url, dataDir }: TestDatabase, list: readonly Migration[]): Promise<void> {
  if (url !== undefined) return migratePostgres({ url, onIdleFault: () => {} }, () => {}, list);
  const connection = new SqliteConnection(join(dataDir, 'openstage.db'), false);
  try {
    await migrateSqlite(connection, () => {}, list);
  } finally {
    connection.close();
  }
}

const anInstanceRow = (id: string) => ({
  id,
  project_id: 'p',
  application_id: 'a',
  component_id: 'c',
  environment_id: 'e',
  name: id,
  platform_type: 'cce',
  driver: 'process',
  target_json: '{}',
  host_name: id,
  wanted: 'running',
  replicas: 1,
  next_rollout: 1,
  next_release_number: 1,
  has_own_artifacts: 1,
  healthy: 1,
  observable: 1,
  creator: 'admin',
  create_time: 1,
  update_time: 1,
});

const addition = (statement: string, isExpanding = false): Migration => ({
  name: '9999-addition',
  isExpanding,
  statements: () => [statement],
});

for (const { name, create } of databases()) {
  test(`${name}: migrating again changes nothing and loses nothing`, async (t) => {
    const database = await create(t, { migrated: false });
    const first = await database.open();
    await first.write((tx) => tx.insertInto('facts').values({ name: 'kept', value: 'yes' }).execute());
    const applied = await first.read.selectFrom('migration_checksums').selectAll().execute();
    const second = await database.open();
    assert.deepEqual(await second.read.selectFrom('migration_checksums').selectAll().execute(), applied);
    assert.equal(applied.length, migrations.length);
    assert.equal((await second.read.selectFrom('facts').select('value').executeTakeFirst())?.value, 'yes');
  });

  test(`${name}: instances from before lists had an index by version get their labels`, async (t) => {
    const database = await create(t, { migrated: false });
    const insert = (table: string, row: Readonly<Record<string, string | number>>) =>
      `insert into ${table} (${Object.keys(row).join(', ')}) values (${Object.values(row)
        .map((value) => (typeof value === 'number' ? value : `'${value}'`))
        .join(', ')})`;
    const release = { project_id: 'p', content_json: '{}', replicas: 1, kept: 0, create_time: 1 };
    const rows = ['serving', 'asked'].flatMap((id) => [
      insert('instances', { ...anInstanceRow(id), requested_release_id: `${id}-2` }),
      insert('releases', { ...release, id: `${id}-1`, instance_id: id, label: '1.0' }),
      insert('releases', { ...release, id: `${id}-2`, instance_id: id, label: '2.0' }),
    ]);
    const old = {
      name: '0005-rows',
      isExpanding: true,
      statements: () => [
        ...rows,
        "update instances set serving_release_id = 'serving-1' where id = 'serving'",
      ],
    };
    // A wrong label is null here, which the table refuses.
    const check = {
      name: '9999-check',
      isExpanding: true,
      statements: () => [
        `insert into facts (name, value)
         select id, case when id || label in ('serving1.0', 'asked2.0') then label end from instances`,
      ],
    };
    const before = migrations.filter((migration) => migration.name < old.name);
    await migrate(database, [...before, old]);
    await migrate(database, [...before, old, ...migrations.slice(before.length), check]);
  });

  test(`${name}: a new migration runs on the tables that are there, and an older Openstage then refuses them`, async (t) => {
    const database = await create(t);
    await migrate(database, migrations);
    await migrate(database, [
      ...migrations,
      addition("insert into facts (name, value) values ('added', 'yes')"),
    ]);
    await assert.rejects(database.open(), /newer Openstage: it holds migration "9999-addition"/);
  });

  test(`${name}: the version before comes back to a database that was only expanded, and is told so`, async (t) => {
    const database = await create(t);
    await migrate(database, [
      ...migrations,
      addition('create table added_by_a_newer_one (one integer)', true),
    ]);
    const warned: object[] = [];
    const store = await database.open({ warn: (fields) => void warned.push(fields) });
    assert.deepEqual(warned, [{ migration: '9999-addition' }]);
    await store.write((tx) => tx.insertInto('facts').values({ name: 'kept', value: 'yes' }).execute());
    // A step of its own that sorts before the unknown one still runs.
    await migrate(database, [
      ...migrations,
      { name: '9998-own', isExpanding: true, statements: () => ["update facts set value = 'own'"] },
    ]);
    assert.equal((await store.read.selectFrom('facts').select('value').executeTakeFirst())?.value, 'own');
  });

  test(`${name}: a migration that was edited after it ran is noticed, its layout does not matter`, async (t) => {
    const database = await create(t);
    const added = addition("insert into facts (name, value) values ('added', 'yes')");
    await migrate(database, [...migrations, added]);
    await migrate(database, [
      ...migrations,
      addition("insert into facts (name, value)\n  values ('added', 'yes')"),
    ]);
    await assert.rejects(
      migrate(database, [...migrations, addition("insert into facts (name, value) values ('added', 'no')")]),
      /Migration "9999-addition" is not what this database was made with/,
    );
  });

  test(`${name}: a migration that fails leaves the tables as they were`, async (t) => {
    const database = await create(t);
    await migrate(database, migrations);
    const failing: Migration = {
      name: '9999-failing',
      isExpanding: true,
      statements: () => [
        "insert into facts (name, value) values ('half', 'done')",
        'insert into nowhere values (1)',
      ],
    };
    await assert.rejects(migrate(database, [...migrations, failing]), /nowhere/);
    const store = await database.open();
    assert.deepEqual(await store.read.selectFrom('facts').selectAll().execute(), []);
  });

  test(`${name}: processes that migrate at once all succeed`, async (t) => {
    const { url, dataDir } = await create(t, { migrated: false });
    const script = `
      import { openStore } from ${JSON.stringify(new URL('../../src/store/open.ts', import.meta.url).href)};
      const store = await openStore({ ...${JSON.stringify({ url, dataDir })}, log: { warn() {} } });
      const rows = await store.read.selectFrom('migration_checksums').selectAll().execute();
      console.log(rows.length);
      await store.close();`;
    const open = () => run(process.execPath, ['--input-type=module', '-e', script]);
    const outputs = await Promise.all([open(), open(), open()]);
    for (const { stdout } of outputs) assert.equal(stdout.trim(), String(migrations.length));
  });
}

test('migrations are named in their order', () => {
  const names = migrations.map((migration) => migration.name);
  assert.deepEqual(names, names.toSorted());
  assert.equal(new Set(names).size, names.length);
});
