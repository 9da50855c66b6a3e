import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { networkOf, sourceOf } from '../../src/iam/source.ts';

test('all of loopback is one network, and so is an IPv6 /64; an IPv4 address is one however it is written', () => {
  const loopback = ['127.0.0.1', '127.255.3.4', '::1', '::ffff:127.0.0.9'].map(networkOf);
  assert.deepEqual([...new Set(loopback)], ['this host']);
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), networkOf('2001:db8:1:2::1'));
  assert.notEqual(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'));
  assert.equal(networkOf('::ffff:192.0.2.7'), networkOf('192.0.2.7'));
  assert.notEqual(networkOf('192.0.2.7'), networkOf('192.0.2.8'));
});

for (const [bind, target] of [
  ['127.0.0.1', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::1', '::1'],
] as const) {
  test(`on Linux a connection from ${target} to ${bind} tells whose it is, until it is left`, async (t) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, bind);
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    assert.ok(typeof address === 'object' && address);
    const accepted = once(server, 'connection');
    const client = connect({ port: address.port, host: target });
    const [socket]: Socket[] = await accepted;
    assert.ok(socket);
    t.after(() => socket.destroy());
    const source = sourceOf(socket.remoteAddress ?? '', () => ({
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      ownAddress: socket.localAddress ?? '',
      ownPort: socket.localPort ?? 0,
    }));
    const own = process.platform === 'linux' ? `this host, user ${process.getuid?.()}` : 'this host';
    assert.equal(await source.party(), own);
    socket.resume();
    client.end();
    await once(socket, 'end');
    // What an end without a process was, nobody knows: it is not taken for root's.
    assert.equal(await source.party(), 'this host');
  });
}
