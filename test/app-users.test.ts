import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { claimAppUsers, FIRST_USERS, formatRange, type Range } from '../src/app-users.ts';
import { openDataDirectory } from '../src/data-directory.ts';
import { takeLock } from '../src/kernel/lock.ts';

// Of nobody on this host: whole platforms of other tests may run beside these.
const mine: Range = { low: 1_700_000_000, high: 1_700_000_999 };

function stage(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'openstage-users-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const place = join(root, 'claims');
  const open = async (name: string) => {
    const data = await openDataDirectory(join(root, name));
    return {
      data,
      claim: (given?: Range) => claimAppUsers({ dataDir: data.path, host: data.host.id, given, place }),
    };
  };
  return { root, place, open };
}

test('two platforms that ask for nothing get users of their own, and keep them', async (t) => {
  const { open, place } = stage(t);
  const [one, two] = [await open('d1'), await open('d2')];
  const [first, second] = [one.claim().range, two.claim().range];
  assert.ok(
    first.high < second.low || second.high < first.low,
    `${formatRange(first)} ${formatRange(second)}`,
  );
  assert.equal(second.high - second.low, FIRST_USERS.high - FIRST_USERS.low);
  two.data.release();
  one.data.release();
  // Nothing lives any more, and the order is another: each directory has instances with users of its range.
  const third = await open('d3');
  assert.ok(![first.low, second.low].includes(third.claim().range.low));
  assert.deepEqual((await open('d2')).claim().range, second);
  assert.deepEqual((await open('d1')).claim().range, first);
  assert.equal(statSync(place).mode & 0o777, 0o700);
});

test('a range that overlaps a living one is refused with a sentence', async (t) => {
  const { open, root } = stage(t);
  const one = await open('d1');
  one.claim(mine);
  const two = await open('d2');
  for (const given of [
    mine,
    { low: mine.high, high: mine.high + 500 },
    { low: mine.low + 1, high: mine.low + 200 },
  ])
    assert.throws(() => two.claim(given), {
      name: 'Error',
      message:
        `The users ${formatRange(given)} are already used by the platform of ${root}/d1; ` +
        'give this one another range with --app-users.',
    });
  assert.equal(two.claim({ low: mine.high + 1, high: mine.high + 500 }).range.low, mine.high + 1);
  // Its own, again: after an upgrade, say.
  assert.deepEqual(one.claim(mine).range, mine);
});

test('a range is used while a supervisor lives, and free once nobody does', async (t) => {
  const { open, root } = stage(t);
  const one = await open('d1');
  one.claim(mine);
  one.data.release();
  const two = await open('d2');
  assert.ok(takeLock(join(root, 'd1', 'run', 'supervisor.lock')));
  assert.throws(() => two.claim(mine), /already used by the platform of .*d1/);
  const three = await open('d3');
  three.claim({ low: mine.high + 1, high: mine.high + 200 });
  three.data.release();
  assert.equal(two.claim({ low: mine.high + 1, high: mine.high + 200 }).range.low, mine.high + 1);
});

test('a deleted directory gives its users back, and a moved one keeps them', async (t) => {
  const { open, root, place } = stage(t);
  const one = await open('d1');
  one.claim(mine);
  one.data.release();
  renameSync(join(root, 'd1'), join(root, 'moved'));
  const moved = await open('moved');
  assert.deepEqual(moved.claim().range, mine);
  moved.data.release();
  rmSync(join(root, 'moved'), { recursive: true });
  const two = await open('d2');
  assert.deepEqual(two.claim(mine).range, mine);
  assert.equal(readdirSync(place).filter((name) => name.endsWith('.json')).length, 1);
});

test('a directory of a version that wrote down no users has the first ones, or says that they are shared', async (t) => {
  const { open, root } = stage(t);
  const one = await open('d1');
  mkdirSync(join(root, 'd1', 'replicas', randomUUID()), { recursive: true });
  assert.deepEqual(one.claim().range, FIRST_USERS);
  const two = await open('d2');
  mkdirSync(join(root, 'd2', 'replicas', randomUUID()), { recursive: true });
  const { range, note } = two.claim();
  assert.ok(range.low > FIRST_USERS.high);
  assert.match(
    note ?? '',
    /instances of before may have users of 200000-265535, as those of the platform of .*d1 have/,
  );
  // The other one is not kept from starting by it.
  assert.deepEqual(one.claim().range, FIRST_USERS);
});
