import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { sql } from 'kysely';
import { Problem } from '../../src/domain/errors.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import type { Tx } from '../../src/store/open.ts';
import { SqliteConnection } from '../../src/store/sqlite.ts';

interface Fixture {
  readonly commits: GroupCommit;
  /** Statements in the order in which the database got them. */
  readonly statements: string[];
  /** What a connection of its own sees: committed rows. */
  readonly names: () => readonly unknown[];
}

function open(
  t: TestContext,
  limits?: { maxBatch?: number; maxWaiting?: number; maxWorkMs?: number },
): Fixture {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-commit-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'test.db');
  const statements: string[] = [];
  const writer = new SqliteConnection(file, false, (statement) => statements.push(statement));
  writer.exec('create table facts (name text primary key, value text not null)');
  const reader = new SqliteConnection(file, true);
  t.after(() => [writer, reader].forEach((connection) => connection.close()));
  statements.length = 0;
  return {
    commits: new GroupCommit(writer, limits),
    statements,
    names: () =>
      reader
        .statement('select name from facts order by name')
        .all([])
        .map((row) => Object.values(row ?? {})[0]),
  };
}

const insert =
  (name: string, value = '') =>
  (tx: Tx) =>
    tx.insertInto('facts').values({ name, value }).execute();
const count = (statements: readonly string[], wanted: string) =>
  statements.filter((one) => one === wanted).length;

test('works that wait at the same time share one commit', async (t) => {
  const { commits, statements, names } = open(t);
  await Promise.all(Array.from({ length: 20 }, (_, at) => commits.write(insert(`n${at}`))));
  assert.equal(count(statements, 'begin immediate'), 1);
  assert.equal(count(statements, 'commit'), 1);
  assert.equal(names().length, 20);
});

test('a work is answered only after the commit', async (t) => {
  const { commits, statements, names } = open(t);
  const seen: (readonly [number, number])[] = [];
  const note = () => seen.push([count(statements, 'commit'), names().length]);
  await Promise.all([commits.write(insert('a')).then(note), commits.write(insert('b')).then(note)]);
  assert.deepEqual(seen, [
    [1, 2],
    [1, 2],
  ]);
});

test('works run one after the other, in the order in which they came', async (t) => {
  const { commits } = open(t);
  const order: string[] = [];
  const work = (name: string) => async (tx: Tx) => {
    order.push(`${name} begins`);
    await insert(name)(tx);
    await insert(`${name}2`)(tx);
    order.push(`${name} ends`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => commits.write(work(name))));
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('a batch is bounded, and what waits beyond it has its turn next', async (t) => {
  const { commits, statements, names } = open(t, { maxBatch: 4 });
  await Promise.all(Array.from({ length: 10 }, (_, at) => commits.write(insert(`n${at}`))));
  assert.equal(count(statements, 'commit'), 3);
  assert.equal(names().length, 10);
});

test('between two commits other work of the process has its turn', async (t) => {
  const { commits, statements } = open(t, { maxBatch: 1 });
  const commitsSeen: number[] = [];
  const look = () => {
    commitsSeen.push(count(statements, 'commit'));
    if (commitsSeen.length < 50) setImmediate(look);
  };
  setImmediate(look);
  await Promise.all(Array.from({ length: 5 }, (_, at) => commits.write(insert(`n${at}`))));
  assert(new Set(commitsSeen).size >= 4, `the loop saw ${commitsSeen.join(' ')} commits`);
});

test('more works than may wait are told to come back, and the others are done', async (t) => {
  const { commits, names } = open(t, { maxWaiting: 3 });
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, (_, at) => commits.write(insert(`n${at}`))),
  );
  assert.deepEqual(
    results.map((one) => one.status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  const [, , , refused] = results;
  assert(
    refused?.status === 'rejected' &&
      refused.reason instanceof Problem &&
      refused.reason.code === 'unavailable',
  );
  assert.equal(names().length, 3);
});

test('a work that awaits something else is cut off, rolled back, and can do nothing later', async (t) => {
  const { commits, names } = open(t, { maxWorkMs: 20 });
  let goOn: () => void = () => {};
  let late: Promise<unknown> | undefined;
  const stuck = commits.write(async (tx) => {
    await insert('stuck')(tx);
    await new Promise<void>((resolve) => (goOn = resolve));
    late = insert('late')(tx);
    await late;
  });
  const other = commits.write(insert('other'));
  await assert.rejects(stuck, (error) => error instanceof Problem && error.code === 'unavailable');
  await other;
  goOn();
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert(late);
  await assert.rejects(late, /transaction has ended/);
  assert.deepEqual(names(), ['other']);
});

test('a batch in which every work failed is not flushed to the disk', async (t) => {
  const { commits, statements } = open(t);
  await assert.rejects(
    commits.write(async (tx) => {
      await insert('a')(tx);
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  assert.equal(count(statements, 'commit'), 0);
});

test('a full disk fails what does not fit, keeps or refuses the rest whole, and the next call works', async (t) => {
  const { commits, names } = open(t);
  await commits.write(insert('before'));
  await commits.write((tx) => sql`pragma max_page_count = 40`.execute(tx));
  const results = await Promise.allSettled([
    commits.write(insert('small')),
    commits.write(insert('large', 'x'.repeat(1_000_000))),
    commits.write(insert('after')),
  ]);
  const [small, large, after] = results;
  assert(
    large?.status === 'rejected' && large.reason instanceof Problem && large.reason.code === 'unavailable',
  );
  const expected = [
    'before',
    ...(after?.status === 'fulfilled' ? ['after'] : []),
    ...(small?.status === 'fulfilled' ? ['small'] : []),
  ];
  assert.deepEqual(names(), expected.toSorted());
  await commits.write((tx) => sql`pragma max_page_count = 100000`.execute(tx));
  await commits.write(insert('large', 'x'.repeat(1_000_000)));
  assert(names().includes('large'));
});

test('a commit that fails fails every work of its batch, those that had failed themselves included', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-commit-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let isBroken = false;
  const connection = new SqliteConnection(join(dir, 'test.db'), false, (statement) => {
    if (isBroken && statement === 'commit') throw Object.assign(new Error('fsync failed'), { code: 'EIO' });
  });
  t.after(() => connection.close());
  connection.exec('create table facts (name text primary key, value text not null)');
  const commits = new GroupCommit(connection);
  isBroken = true;
  const results = await Promise.allSettled([
    commits.write(insert('a')),
    commits.write(insert('a')), // Fails on a row that is never committed, so its own reason would be a lie.
  ]);
  for (const result of results) {
    assert(
      result.status === 'rejected' &&
        result.reason instanceof Problem &&
        result.reason.code === 'unavailable',
    );
  }
  isBroken = false;
  await commits.write(insert('a'));
});

test('closing waits for what was accepted and refuses what comes later', async (t) => {
  const { commits, names } = open(t);
  const accepted = commits.write(insert('a'));
  const closed = commits.close();
  await assert.rejects(
    commits.write(insert('b')),
    (error) => error instanceof Problem && error.code === 'unavailable',
  );
  await Promise.all([accepted, closed]);
  assert.deepEqual(names(), ['a']);
});
