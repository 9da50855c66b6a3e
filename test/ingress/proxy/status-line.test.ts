import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aProxyServer, aRoute, ask, aTcpServer, HOST, sendRaw, target } from '../stage.ts';

/** What applications have been seen to send, and what a client must get: an answer, whatever it is. */
const LINES: readonly (readonly [name: string, head: Buffer, expected: RegExp])[] = [
  ['a reason in UTF-8', Buffer.from('HTTP/1.1 200 Übel 成功'), /^HTTP\/1\.1 200 \xc3\x9cbel \xe6\x88\x90/],
  ['a reason in Latin-1', Buffer.from('HTTP/1.1 200 \xdcbel', 'latin1'), /^HTTP\/1\.1 200 /],
  ['no reason', Buffer.from('HTTP/1.1 200'), /^HTTP\/1\.1 200 /],
  ['an empty reason', Buffer.from('HTTP/1.1 200 '), /^HTTP\/1\.1 200 /],
  ['a reason with a tab', Buffer.from('HTTP/1.1 200 A\tB'), /^HTTP\/1\.1 200 /],
  ['a reason with an escape', Buffer.from('HTTP/1.1 200 \x1b[31mred'), /^HTTP\/1\.1 (200|502) /],
  ['a reason with NUL', Buffer.from('HTTP/1.1 200 a\0b'), /^HTTP\/1\.1 (200|502) /],
  ['a status that nobody knows', Buffer.from('HTTP/1.1 599 Odd'), /^HTTP\/1\.1 599 Odd/],
  ['the status 999', Buffer.from('HTTP/1.1 999 Request Denied'), /^HTTP\/1\.1 502 /],
  ['the status 000', Buffer.from('HTTP/1.1 000 None'), /^HTTP\/1\.1 502 /],
  ['the status 099', Buffer.from('HTTP/1.1 099 Low'), /^HTTP\/1\.1 502 /],
  ['a status of four digits', Buffer.from('HTTP/1.1 2000 OK'), /^HTTP\/1\.1 502 /],
  ['a switch that nobody asked for', Buffer.from('HTTP/1.1 101 Switching Protocols'), /^HTTP\/1\.1 502 /],
  ['no number', Buffer.from('HTTP/1.1 OK'), /^HTTP\/1\.1 502 /],
  ['another protocol', Buffer.from('SSH-2.0-OpenSSH_9.2'), /^HTTP\/1\.1 502 /],
  [
    'a header with a control character',
    Buffer.from('HTTP/1.1 200 OK\r\nX-Odd: a\x01b'),
    /^HTTP\/1\.1 (200|502) /,
  ],
  ['a header without a name', Buffer.from('HTTP/1.1 200 OK\r\n: x'), /^HTTP\/1\.1 502 /],
];

for (const [name, head, expected] of LINES) {
  test(`an application that answers with ${name} gets its client an answer, and the next one too`, async (t) => {
    const port = await aTcpServer(t, (socket) => {
      socket.once('data', () =>
        socket.end(Buffer.concat([head, Buffer.from('\r\nContent-Length: 2\r\n\r\nok')])),
      );
    });
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(port)]));
    const plain = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;
    const socketed = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    for (const request of [plain, plain]) assert.match(await sendRaw(proxy.port, request, 5_000), expected);
    assert.match(await sendRaw(proxy.port, socketed, 5_000), /^HTTP\/1\.1 \d{3} /);
  });
}

test('no answer of the proxy itself names an instance or a replica', async (t) => {
  const gone = await aTcpServer(t, (socket) => socket.once('data', () => socket.destroy()));
  const proxy = await aProxyServer(t);
  for (const [targets, status] of [
    [[], 503],
    [[target(1, 'secret/1/0')], 503],
    [[target(gone, 'secret/1/0')], 502],
  ] as const) {
    proxy.route(aRoute(targets));
    for (const accept of ['*/*', 'application/json']) {
      const answer = await ask(proxy.port, { headers: { Accept: accept } });
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.text, /secret|shop-web|127\.0\.0\.1/);
    }
  }
});
