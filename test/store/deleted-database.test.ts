import assert from 'node:assert/strict';
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { Readiness, storeNeeded } from '../../src/readiness.ts';
import { databases } from './databases.ts';

const [sqlite] = databases();
assert.ok(sqlite);

const harms: Readonly<Record<string, (file: string) => void>> = {
  deleted: (file) => rmSync(file),
  replaced: (file) => {
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
  },
};

for (const [what, harm] of Object.entries(harms)) {
  for (const suffix of ['', '-wal']) {
    test(`openstage.db${suffix} ${what} under a running platform: it says so and takes no writes`, async (t) => {
      const database = await sqlite.create(t);
      const store = await database.open();
      await store.write((tx) => setFact(tx, 'before', 'yes'));
      const readiness = new Readiness([storeNeeded(store)]);
      assert.equal(await readiness.lacking(), undefined);
      harm(join(database.dataDir, `openstage.db${suffix}`));
      await assert.rejects(
        store.write((tx) => setFact(tx, 'after', 'yes')),
        (error) =>
          error instanceof Problem &&
          error.code === 'unavailable' &&
          error.message.includes(`was ${what} while the platform runs`),
      );
      assert.equal(await findFact(store.read, 'after'), undefined);
      assert.match((await readiness.lacking()) ?? '', new RegExp(`was ${what} while the platform runs`));
    });
  }
}

test('a database file that is moved away and back is written again', async (t) => {
  const database = await sqlite.create(t);
  const store = await database.open();
  const file = join(database.dataDir, 'openstage.db');
  renameSync(file, `${file}.away`);
  await assert.rejects(store.write((tx) => setFact(tx, 'a', '1')));
  renameSync(`${file}.away`, file);
  await store.write((tx) => setFact(tx, 'a', '2'));
  assert.equal(await findFact(store.read, 'a'), '2');
});
