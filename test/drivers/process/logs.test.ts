import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rotate, tail } from '../../../src/drivers/process/supervisor/logs.ts';
import { logOf, never, TestHost, until, untilReady, WEB } from './test-host.ts';

const BOUND = 64 * 1024;

test('the log of an application that never stops writing stays bounded', async (t) => {
  const host = new TestHost(t, { supervisorArgs: ['--log-bytes', String(BOUND)] });
  const driver = await host.driver();
  const chatter = `let n = 0; setInterval(() => { for (let i = 0; i < 40; i += 1) console.log('line ' + (n += 1) + ' ' + 'x'.repeat(80)); }, 5);`;
  const rollout = host.rollout(`${chatter} ${WEB}`);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const log = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'log');
  const highest = async () =>
    Number(/^line (\d+)/.exec((await logOf(driver, replica, 1))[0] ?? '')?.[1] ?? 0);
  let rotations = 0;
  let last = 0;
  await until('it was emptied three times', () => {
    const { size } = statSync(log);
    if (size < last) rotations += 1;
    last = size;
    return rotations >= 3;
  });
  assert.ok(statSync(`${log}.1`).size <= BOUND);
  const told = 'openstage: the log has reached its bound of 0.13 MiB: its oldest lines are gone';
  assert.ok((await logOf(driver, replica, 10_000)).includes(told));
  const before = await highest();
  await until('it writes on', async () => (await highest()) > before);
  const lines = await logOf(driver, replica, 50);
  assert.equal(lines.length, 50);
});

test('rotation keeps what was written of a log that was made longer without writing', async (t) => {
  const host = new TestHost(t);
  const path = join(host.dir, 'log');
  writeFileSync(path, 'one\ntwo\n');
  truncateSync(path, 8 * 1024 ** 3);
  await rotate(path, 1024 * 1024, 8);
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\ntwo\n');
  assert.equal(statSync(path).size, 0);
});

test('rotation keeps the newest bytes and empties the file that is written to', async (t) => {
  const host = new TestHost(t);
  const path = join(host.dir, 'log');
  writeFileSync(path, `${'a'.repeat(100)}\nnewest\n`);
  await rotate(path, 20);
  assert.equal(statSync(path).size, 0);
  assert.equal(statSync(`${path}.1`).size, 20);
  assert.equal(tail(path, 1).lines[0], 'newest');
});

test('others have their turn while a large log is rotated', async (t) => {
  const host = new TestHost(t);
  const path = join(host.dir, 'log');
  writeFileSync(path, Buffer.alloc(32 * 1024 * 1024, 'x'));
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await rotate(path, 16 * 1024 * 1024);
  isOver = true;
  assert.equal(statSync(`${path}.1`).size, 16 * 1024 * 1024);
  assert.ok(turns >= 16, `only ${turns} turns in ${16} MiB`);
});

test('the tail goes over both parts, is oldest first, and knows an unfinished line', (t) => {
  const host = new TestHost(t);
  const path = join(host.dir, 'log');
  writeFileSync(`${path}.1`, 'one\ntwo\n');
  writeFileSync(path, 'three\nfour');
  assert.deepEqual(tail(path, 3).lines, ['two', 'three', 'four']);
  assert.deepEqual(tail(path, 99).lines, ['one', 'two', 'three', 'four']);
  assert.deepEqual(tail(path, 0).lines, []);
  assert.deepEqual(tail(join(host.dir, 'none'), 5).lines, []);
});

test('a line without an end is cut', (t) => {
  const host = new TestHost(t);
  const path = join(host.dir, 'log');
  writeFileSync(path, 'x'.repeat(500_000));
  assert.ok((tail(path, 1).lines[0] ?? '').length < 20_000);
});

test('who follows a log gets each new line once', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(`let n = 0; setInterval(() => console.log('line ' + (n += 1)), 2); ${WEB}`);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const stop = new AbortController();
  let previous = 0;
  let count = 0;
  for await (const { text } of driver.logs(replica, 0, stop.signal)) {
    const number = Number(/^line (\d+)$/.exec(text)?.[1] ?? NaN);
    if (Number.isNaN(number)) continue;
    if (previous > 0) assert.equal(number, previous + 1);
    previous = number;
    count += 1;
    if (count === 200) stop.abort();
  }
  assert.ok(count >= 200);
});
