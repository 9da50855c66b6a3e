import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { Problem } from '../../src/domain/errors.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { openStore, type Tx } from '../../src/store/open.ts';
import { openServer } from '../postgres/server.ts';
import { until } from '../jobs/until.ts';
import { databases, silentLog } from './databases.ts';

const isUnavailable = (error: unknown) => error instanceof Problem && error.code === 'unavailable';

/** What only a server with several connections can do; where it is missing, databases() says so. */
for (const { name, create } of databases().filter((kind) => kind.name === 'PostgreSQL')) {
  const append = (tx: Tx, fact: string, letter: string) =>
    tx
      .updateTable('facts')
      .set({ value: sql<string>`value || ${letter}` })
      .where('name', '=', fact)
      .execute();

  test(`${name}: of two works that lock each other out, both are done, one of them at a later attempt`, async (t) => {
    const store = await (await create(t)).open();
    await store.write(async (tx) => {
      await setFact(tx, 'a', '');
      await setFact(tx, 'b', '');
    });
    let attempts = 0;
    const { promise: bothHoldOne, resolve } = Promise.withResolvers<void>();
    const both = (first: string, second: string, letter: string) =>
      store.write(async (tx) => {
        await append(tx, first, letter);
        attempts += 1;
        if (attempts === 2) resolve();
        await bothHoldOne;
        await append(tx, second, letter);
      });
    await Promise.all([both('a', 'b', 'x'), both('b', 'a', 'y')]);
    // More where the one that was given up comes back before the other has noticed.
    assert.ok(attempts > 2);
    for (const fact of ['a', 'b']) assert.match((await findFact(store.read, fact)) ?? '', /^(xy|yx)$/);
  });

  test(`${name}: a work whose connection breaks fails as "unavailable", and the next one works`, async (t) => {
    const store = await (await create(t)).open();
    const broken = store.write(async (tx) => {
      await setFact(tx, 'a', '1');
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(store.read);
      await setFact(tx, 'b', '1');
    });
    await assert.rejects(broken, isUnavailable);
    await store.write((tx) => setFact(tx, 'c', '1'));
    assert.deepEqual([await findFact(store.read, 'a'), await findFact(store.read, 'c')], [undefined, '1']);
  });

  test(`${name}: idle connections that the server ends are replaced in silence`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) => setFact(tx, 'a', '1'));
    const other = await (await create(t)).open();
    const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(store.read);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${rows[0]?.name}`.execute(
      other.read,
    );
    const write = async () => {
      for (;;) {
        try {
          return await store.write((tx) => setFact(tx, 'b', '1'));
        } catch (error) {
          // The news of the end may come after the connection was handed out again.
          assert(error instanceof Problem && error.code === 'unavailable');
        }
      }
    };
    await write();
    assert.equal(await findFact(store.read, 'b'), '1');
  });

  test(`${name}: a server that is not there is refused as "unavailable"`, async () => {
    const url = 'postgresql:///none?host=/nowhere&user=postgres';
    await assert.rejects(openStore({ url, dataDir: '.', log: { warn() {} } }), isUnavailable);
  });

  test(`${name}: a server that stands still is waited for with a bound, and keeps no store from closing`, async (t) => {
    const server = await openServer();
    assert.ok(server);
    t.after(() => server.cluster.stop());
    const place = { run: 'one', hostName: 'alpha' };
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;
    const before = sockets();
    const store = await openStore({ url: server.url, dataDir: '.', log: silentLog, place });
    await store.write((tx) => setFact(tx, 'a', '1'));
    await Promise.all([1, 2, 3].map(() => sql`select pg_sleep(0.5)`.execute(store.read)));
    const goOn = server.freeze();
    try {
      await assert.rejects(findFact(store.read, 'a'), isUnavailable);
      await store.close();
      await until('no connection is left, which would keep the process', () => sockets() <= before);
    } finally {
      goOn();
    }
    const next = await openStore({ url: server.url, dataDir: '.', log: silentLog, place });
    t.after(() => next.close());
    assert.equal(await findFact(next.read, 'a'), '1');
  });
}
