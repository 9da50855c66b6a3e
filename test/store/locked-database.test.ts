import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { databases } from './databases.ts';
import { HAS_ALONE, holdDatabase } from './held-database.ts';

const [sqlite] = databases();
assert.ok(sqlite);
const TURNS = 20;

test('a write waits for another process that writes, and this one goes on with everything else', async (t) => {
  const database = await sqlite.create(t);
  const store = await database.open();
  const letGo = await holdDatabase(t, join(database.dataDir, 'openstage.db'));
  let isWritten = false;
  const written = store.write((tx) => setFact(tx, 'a', '1')).then(() => (isWritten = true));
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(await findFact(store.read, 'a'), undefined);
  }
  assert.equal(isWritten, false, 'it was held all the time');
  await letGo();
  await written;
  assert.equal(await findFact(store.read, 'a'), '1');
});

test('a database that stays locked refuses writes with the name of the file, reads on, and recovers', async (t) => {
  const database = await sqlite.create(t);
  const store = await database.open();
  const file = join(database.dataDir, 'openstage.db');
  await store.write((tx) => setFact(tx, 'before', '1'));
  const letGo = await holdDatabase(t, file);
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const refused = (error: unknown) =>
    error instanceof Problem &&
    error.code === 'unavailable' &&
    error.message.includes(`${file} is locked by another program`);
  await Promise.all(
    ['a', 'b'].map((name) =>
      assert.rejects(
        store.write((tx) => setFact(tx, name, '1')),
        refused,
      ),
    ),
  );
  clearInterval(timer);
  assert.ok(turns >= TURNS, `the event loop had ${turns} turns meanwhile`);
  assert.equal(await findFact(store.read, 'before'), '1');
  await letGo();
  await store.write((tx) => setFact(tx, 'a', '2'));
  assert.equal(await findFact(store.read, 'a'), '2');
  assert.equal(await findFact(store.read, 'b'), undefined);
});

test('a store that another program has for itself is not opened, in a sentence', async (t) => {
  const database = await sqlite.create(t);
  await (await database.open()).close();
  const file = join(database.dataDir, 'openstage.db');
  const letGo = await holdDatabase(t, file, HAS_ALONE);
  await assert.rejects(
    database.open(),
    (error) => error instanceof Error && error.message.includes(`${file} is locked by another program`),
  );
  await letGo();
  const store = await database.open();
  await store.write((tx) => setFact(tx, 'a', '1'));
});
