import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { isBeyondLoopback, listeners } from '../../../src/drivers/process/supervisor/listening.ts';
import { has } from './machine.ts';

for (const [address, isBeyond] of [
  ['127.0.0.1', false],
  ['127.1.2.3', false],
  ['::1', false],
  ['::ffff:127.0.0.1', false],
  ['0.0.0.0', true],
  ['::', true],
] as const)
  test(`a socket at ${address} ${isBeyond ? 'can' : 'cannot'} be reached from other hosts`, async (t) => {
    if (!has(t, process.platform === 'linux', 'the kernel lists sockets on Linux only')) return;
    const server = createServer().listen(0, address);
    t.after(() => server.close());
    await once(server, 'listening');
    const at = server.address();
    assert.ok(at !== null && typeof at === 'object');
    const found = (await listeners()).filter((each) => each.port === at.port);
    assert.deepEqual(
      found.map((each) => isBeyondLoopback(each.address)),
      [isBeyond],
    );
  });

test('an address of the host itself is beyond loopback', () => {
  assert.equal(isBeyondLoopback('0A00000A'), true);
  assert.equal(isBeyondLoopback('0000000000000000FFFF00000A00000A'), true);
});
