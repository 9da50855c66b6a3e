import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildLog } from '../../src/builds/build-log.ts';
import { BuildSlots } from '../../src/builds/build-slots.ts';
import { SourceBuilds } from '../../src/builds/source-builds.ts';
import { digest } from '../../src/domain/ids.ts';
import { Problem } from '../../src/domain/errors.ts';

const never = new AbortController().signal;

test('builds wait for a slot in turn, and a crowd is sent away', async () => {
  const slots = new BuildSlots(2);
  const [one, two] = [await slots.take(never, () => {}), await slots.take(never, () => {})];
  const ahead: number[] = [];
  const order: string[] = [];
  const waiting = ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => {
    const slot = await slots.take(never, (count) => ahead.push(count));
    order.push(name);
    slot.free();
  });
  await assert.rejects(
    slots.take(never, () => {}),
    (error) => error instanceof Problem && /2 builds are under way and 6 wait already/.test(error.message),
  );
  two.free();
  two.free();
  await Promise.all(waiting);
  assert.deepEqual(ahead, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e', 'f']);
  one.free();
  (await slots.take(never, () => {})).free();
});

test('who leaves the queue takes no slot, and says what was waited for', async () => {
  const slots = new BuildSlots(1);
  const held = await slots.take(never, () => {});
  const ending = new AbortController();
  const leaving = slots.take(ending.signal, () => {});
  const next = slots.take(never, () => {});
  ending.abort();
  await assert.rejects(
    leaving,
    (error) => error instanceof Problem && /No build slot came free/.test(error.message),
  );
  held.free();
  (await next).free();
});

const limits = { timeMs: 1, memoryBytes: 1, diskBytes: 1, freeBytes: 0 };
const built = { digest: digest('a'.repeat(64)), size: 1, fileName: 'a.jar' };

test('jobs that want the same build share one, its failure too; one whose job was called off is made anew', async () => {
  const builds = new SourceBuilds({ limits, slots: 1 });
  let made = 0;
  const first = Promise.withResolvers<typeof built>();
  const make = () => {
    made += 1;
    return made === 1 ? first.promise : Promise.resolve(built);
  };
  let told = 0;
  const ask = () => builds.once('key', never, () => (told += 1), make);
  const asked = [ask(), ask()];
  first.reject(new Error('called off'));
  await assert.rejects(asked[0] ?? Promise.resolve(), /called off/);
  assert.deepEqual(await asked[1], built);
  assert.deepEqual([made, told], [2, 1]);
  const failing = () =>
    builds.once(
      'other',
      never,
      () => {},
      async () => Promise.reject(new Problem('buildFailed', 'no')),
    );
  const failed = await Promise.allSettled([failing(), failing()]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});

test('a log keeps its beginning and its end, whole lines, and no secret', () => {
  const lines: string[] = [];
  const log = new BuildLog(
    (line) => line.replaceAll('hunter2', '******'),
    (line) => lines.push(line),
  );
  log.add(Buffer.from('password hun'));
  log.add(Buffer.from('ter2\r\n\u001b[31mred\u001b[0m\u0000\nlast'));
  assert.equal(log.text(), 'password ******\nred\nlast\n');
  assert.deepEqual(lines, ['password ******', 'red', 'last']);
  for (let line = 0; line < 40_000; line += 1) log.line(`line ${line} ${'x'.repeat(40)}`);
  const text = log.text();
  assert.ok(Buffer.byteLength(text) < 1_100_000);
  assert.match(text, /^password[^]*\[… \d+ bytes are left out here …\][^]*line 39999 x+\n$/);
  assert.deepEqual(log.lastLines(1), [`line 39999 ${'x'.repeat(40)}`]);
});
