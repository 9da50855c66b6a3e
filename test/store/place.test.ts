import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { Client } from 'pg';
import { Problem } from '../../src/domain/errors.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { until } from '../jobs/until.ts';
import { databases, silentLog, type TestDatabase } from './databases.ts';
import { findServer, startCluster } from './postgres-cluster.ts';

const isUnavailable = (error: unknown) => error instanceof Problem && error.code === 'unavailable';

for (const { name, create } of databases().filter((kind) => kind.name === 'PostgreSQL')) {
  const open = ({ url = '', dataDir }: TestDatabase, run: string): Promise<Store> =>
    openStore({ url, dataDir, log: silentLog, place: { run, hostName: 'alpha' } });
  const terminate = async (store: Store, which: string) => {
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and application_name like ${which}`
      .execute(store.read)
      // It may have been the turn of this very connection.
      .catch(() => {});
  };

  test(`${name}: a second platform on one database is refused in a sentence, until the first is gone`, async (t) => {
    const database = await create(t);
    const first = await open(database, 'one');
    await assert.rejects(open(database, 'two'), {
      message:
        'Another platform is running on this database (on host alpha). One platform at a time may use a database: stop that one, or name another database with --database-url.',
    });
    await first.write((tx) => setFact(tx, 'kept', 'yes'));
    await first.close();
    const second = await open(database, 'two');
    assert.equal(await findFact(second.read, 'kept'), 'yes');
    await second.close();
  });

  test(`${name}: a platform whose proof breaks writes again as soon as it has it back`, async (t) => {
    const database = await create(t);
    const store = await open(database, 'one');
    t.after(() => store.close());
    const watcher = await database.open();
    for (let round = 0; round < 5; round += 1) {
      await terminate(watcher, 'openstage place');
      await until('it writes again', async () => {
        try {
          await store.write((tx) => setFact(tx, 'round', String(round)));
          await store.check();
          return true;
        } catch (error) {
          assert.ok(isUnavailable(error), String(error));
          return undefined;
        }
      });
      assert.equal(await findFact(store.read, 'round'), String(round));
    }
  });

  test(`${name}: a platform that lost its place to another writes nothing more, though it has not noticed`, async (t) => {
    const database = await create(t);
    const store = await open(database, 'one');
    t.after(() => store.close());
    // What another platform does first; the lock of this one is left alone, as if the news had not come yet.
    const other = await database.open();
    await other.write((tx) => setFact(tx, 'platform', 'two beta'));
    await assert.rejects(
      store.write((tx) => setFact(tx, 'stale', 'yes')),
      isUnavailable,
    );
    assert.equal(await findFact(store.read, 'stale'), undefined);
  });

  test(`${name}: a commit that was done although its answer was lost is not called unchanged`, async (t) => {
    // A server of its own, which waits for a standby that never comes: a commit is done, and its answer is not sent.
    const bin = findServer();
    if (bin === undefined) return;
    const cluster = await startCluster(bin);
    t.after(() => cluster.stop());
    const url = cluster.url('postgres');
    const store = await openStore({ url, dataDir: '.', log: silentLog });
    const control = new Client({ connectionString: url });
    control.on('error', () => {});
    await control.connect();
    t.after(async () => {
      await control.end();
      await store.close();
    });
    await control.query("alter system set synchronous_standby_names = 'nobody'");
    await control.query('select pg_reload_conf()');
    await until(
      'the server waits for its standby',
      async () =>
        (await control.query('show synchronous_standby_names')).rows[0]?.synchronous_standby_names ===
          'nobody' || undefined,
    );
    let runs = 0;
    const written = store.write(async (tx) => {
      runs += 1;
      await setFact(tx, 'stored', 'yes');
      return 'the answer of the work';
    });
    await until('the commit waits', async () => {
      const { rows } = await control.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'",
      );
      return rows.length > 0 || undefined;
    });
    assert.equal(await written, 'the answer of the work');
    assert.equal(runs, 1);
    assert.equal(await findFact(store.read, 'stored'), 'yes');
  });
}
