import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { limitBodyTime, listen, makeListener, track } from '../../src/api/listeners.ts';

test('a body that trickles in is cut off with 408', async (t) => {
  const server = makeListener((request, response) => {
    track(request, response);
    limitBodyTime(request, 50);
    request.resume();
  });
  t.after(() => server.close());
  const { port } = await listen(server, 0, '127.0.0.1');
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  socket.on('error', () => {});
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na');
  await once(socket, 'close');
  assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\nX-Request-Id: [0-9a-f]{32}\r\n/);
  assert.match(text, /"error_code":"APIG\.0201"/);
});

test('a whole body stops the clock', async (t) => {
  const server = makeListener((request, response) => {
    track(request, response);
    limitBodyTime(request, 60_000);
    request.resume().on('end', () => response.end('ok'));
  });
  t.after(() => server.close());
  const { port } = await listen(server, 0, '127.0.0.1');
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' });
  assert.equal(await response.text(), 'ok');
});
