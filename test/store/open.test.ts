import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { UniqueViolation } from '../../src/store/faults.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import type { Store, Tx } from '../../src/store/open.ts';
import { databases } from './databases.ts';

const insertFact = (tx: Tx, name: string) => tx.insertInto('facts').values({ name, value: '' }).execute();

async function factNames(store: Store): Promise<readonly string[]> {
  const rows = await store.read
    .selectFrom('facts')
    .select('name')
    .where('name', '!=', 'uid-lock')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}

const isUnavailable = (error: unknown) => error instanceof Problem && error.code === 'unavailable';

for (const { name, create } of databases()) {
  test(`${name}: a write is there once it has been answered, also for a store that is opened later`, async (t) => {
    const database = await create(t);
    const store = await database.open();
    await store.write((tx) => setFact(tx, 'region', 'local'));
    assert.equal(await findFact(store.read, 'region'), 'local');
    const second = await database.open();
    assert.equal(await findFact(second.read, 'region'), 'local');
  });

  test(`${name}: a work that throws takes back its own rows and no other's`, async (t) => {
    const store = await (await create(t)).open();
    const failure = new Error('on purpose');
    const results = await Promise.allSettled([
      store.write((tx) => insertFact(tx, 'a')),
      store.write(async (tx) => {
        await insertFact(tx, 'b');
        throw failure;
      }),
      store.write((tx) => insertFact(tx, 'c')),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(results[1]?.status === 'rejected' && results[1].reason, failure);
    assert.deepEqual(await factNames(store), ['a', 'c']);
  });

  test(`${name}: a read does not see a write that is under way`, async (t) => {
    const store = await (await create(t)).open();
    const seen = await store.write(async (tx) => {
      await insertFact(tx, 'a');
      return factNames(store);
    });
    assert.deepEqual(seen, []);
    assert.deepEqual(await factNames(store), ['a']);
  });

  test(`${name}: a value that another row holds is reported by the name of the rule`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) => tx.insertInto('domains').values({ id: '1', name: 'openstage' }).execute());
    const constraintOf = async (id: string, domain: string) => {
      const error: unknown = await store
        .write((tx) => tx.insertInto('domains').values({ id, name: domain }).execute())
        .catch((reason: unknown) => reason);
      return error instanceof UniqueViolation ? error.constraint : error;
    };
    assert.equal(await constraintOf('2', 'openstage'), 'domains_name');
    assert.equal(await constraintOf('1', 'other'), 'domains_pkey');
    assert.equal((await store.read.selectFrom('domains').selectAll().execute()).length, 1);
  });

  test(`${name}: a transaction that was kept does nothing after its work has ended`, async (t) => {
    const store = await (await create(t)).open();
    let kept: Tx | undefined;
    await store.write((tx) => {
      kept = tx;
      return Promise.resolve();
    });
    assert(kept);
    await assert.rejects(insertFact(kept, 'late'));
    assert.deepEqual(await factNames(store), []);
  });

  test(`${name}: a failing commit answers nobody with success, and the next call works`, async (t) => {
    let isBroken = false;
    const tap = (sql: string) => {
      if (isBroken && sql === 'commit')
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const store = await (await create(t)).open({ tap });
    isBroken = true;
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((fact) => store.write((tx) => insertFact(tx, fact))),
    );
    for (const result of results) assert(result.status === 'rejected' && isUnavailable(result.reason));
    assert.deepEqual(await factNames(store), []);
    isBroken = false;
    await store.write((tx) => insertFact(tx, 'd'));
    assert.deepEqual(await factNames(store), ['d']);
  });

  for (const code of ['ENOSPC', 'EIO', 'EBUSY']) {
    test(`${name}: ${code} at each call of a write fails that write alone, whole, and as "unavailable"`, async (t) => {
      let left = Number.POSITIVE_INFINITY;
      let calls = 0;
      const tap = () => {
        calls += 1;
        left -= 1;
        if (left === 0) throw Object.assign(new Error('injected'), { code });
      };
      const store = await (await create(t)).open({ tap });
      const writeTwo = (at: number) =>
        store.write(async (tx) => {
          await insertFact(tx, `${at}-first`);
          await insertFact(tx, `${at}-second`);
        });
      calls = 0;
      await writeTwo(0);
      const perWrite = calls;
      assert(perWrite >= 4, 'begin, two inserts and commit at least');
      for (let at = 1; at <= perWrite; at += 1) {
        left = at;
        await assert.rejects(writeTwo(at), isUnavailable);
        left = Number.POSITIVE_INFINITY;
        assert.deepEqual(await factNames(store), ['0-first', '0-second'], `after a fault at call ${at}`);
      }
      await writeTwo(99);
      assert.equal((await factNames(store)).length, 4);
    });
  }

  test(`${name}: a read that meets a fault fails as "unavailable", and the next one works`, async (t) => {
    let isBroken = false;
    const tap = () => {
      if (isBroken) throw Object.assign(new Error('injected'), { code: 'EIO' });
    };
    const store = await (await create(t)).open({ tap });
    isBroken = true;
    await assert.rejects(factNames(store), isUnavailable);
    isBroken = false;
    assert.deepEqual(await factNames(store), []);
  });
}

test('an address of an unknown database is refused with what was expected', async () => {
  const { openStore } = await import('../../src/store/open.ts');
  await assert.rejects(
    openStore({ url: 'mysql://db', dataDir: '.', log: { warn() {} } }),
    /"mysql:"; expected postgres:\/\//,
  );
});
