import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Exit } from '../../../src/domain/rollout.ts';
import { nextBackoffMs } from '../../../src/drivers/process/supervisor/backoff.ts';
import {
  isRequest,
  isSpoken,
  lineReader,
  MAX_LINE_BYTES,
  VERSION,
} from '../../../src/drivers/process/supervisor/protocol.ts';
import { expect } from '../../../src/drivers/process/supervisor/shape.ts';
import { makePrivate, socketPath } from '../../../src/drivers/process/supervisor/socket-path.ts';
import { TestHost } from './test-host.ts';

test('a message may come in any pieces', () => {
  const lines: string[] = [];
  const read = lineReader((line) => lines.push(line));
  const bytes = Buffer.from('{"ä":1}\n\nlast\nrest');
  for (const byte of bytes) read(Buffer.from([byte]));
  assert.deepEqual(lines, ['{"ä":1}', '', 'last']);
});

test('a message without an end is refused before it fills the memory', () => {
  const read = lineReader(() => {});
  const chunk = Buffer.alloc(MAX_LINE_BYTES / 2, 'x');
  read(chunk);
  read(chunk);
  assert.throws(() => read(chunk), /longer than/);
});

test('a message in another form is refused with the member that is wrong', () => {
  const call = { op: 'retire', instance: 'a', rollout: 1, keep: -1, graceMs: 5 };
  assert.throws(() => expect(isRequest, { id: 1, call }, 'The request'), /The request .* "call/);
  assert.ok(expect(isRequest, { id: 1, call: { ...call, keep: 0, later: 'member' } }, 'The request'));
});

test('the version before is spoken, an older or a later one is not', () => {
  assert.ok(isSpoken(VERSION));
  assert.ok(isSpoken(VERSION - 1));
  assert.ok(!isSpoken(VERSION + 1));
  assert.ok(!isSpoken(VERSION - 2));
});

test('a supervisor agrees with a platform of a version before or after on the lower one, and refuses an older one', async (t) => {
  const host = new TestHost(t);
  await host.driver();
  const greet = async (version: number): Promise<string> => {
    const socket = connect(socketPath(host.dataDir));
    await once(socket, 'connect');
    socket.write(`${JSON.stringify({ id: 1, call: { op: 'hello', version } })}\n`);
    const [chunk] = await once(socket, 'data');
    socket.destroy();
    return String(chunk);
  };
  assert.match(await greet(VERSION), new RegExp(`"ok":\\{"version":${VERSION},`));
  assert.match(await greet(VERSION + 1), new RegExp(`"ok":\\{"version":${VERSION},`));
  assert.match(await greet(VERSION - 1), new RegExp(`"ok":\\{"version":${VERSION - 1},`));
  if (VERSION >= 2) assert.match(await greet(VERSION - 2), /stop the supervisor/);
});

test('nonsense on the socket harms nobody else', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  for (const words of ['nonsense\n', '{"id":1}\n', '{"id":1,"call":{"op":"explode"}}\n', '\0\0\n']) {
    const socket = connect(socketPath(host.dataDir));
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(words);
    await once(socket, 'close');
  }
  assert.deepEqual(await driver.observe(), []);
});

test('only the owner reaches the socket, and a long path gets a short one', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-socket-'));
  t.after(() => rmSync(dir, { recursive: true }));
  assert.equal(socketPath(dir), join(dir, 'run', 'supervisor.sock'));
  const long = socketPath(join(dir, 'x'.repeat(120)));
  assert.ok(Buffer.byteLength(long) <= 100);
  const run = join(dir, 'run');
  mkdirSync(run);
  chmodSync(run, 0o755);
  makePrivate(run);
  assert.equal(statSync(run).mode & 0o777, 0o700);
  assert.notEqual(dirname(long), run);
});

test('waits between starts double, end at half a minute, and begin again after a long life', () => {
  assert.equal(nextBackoffMs(undefined, 0), 100);
  assert.equal(nextBackoffMs(100, 10), 200);
  assert.equal(nextBackoffMs(25_600, 10), 30_000);
  assert.equal(nextBackoffMs(30_000, 10), 30_000);
  assert.equal(nextBackoffMs(30_000, 60_000), 100);
});

test('who takes too much again and again waits longer each time, up to five minutes', () => {
  const first: Exit = { signal: 'SIGTERM', causeCode: 'tookTooMuch', at: 0 };
  const waits: number[] = [];
  let previous: number | undefined = nextBackoffMs(undefined, 60_000, { exit: first, before: undefined });
  for (let round = 0; round < 7; round += 1) {
    previous = nextBackoffMs(previous, 80_000, { exit: first, before: first });
    waits.push(previous / 1000);
  }
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300]);
  assert.equal(nextBackoffMs(300_000, 20 * 60_000, { exit: first, before: first }), 100);
  assert.equal(nextBackoffMs(300_000, 10, { exit: { code: 1, at: 0 }, before: first }), 30_000);
});
