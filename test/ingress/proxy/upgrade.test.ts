import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import {
  aDeadPort,
  anApplication,
  aProxyServer,
  aRoute,
  aTcpServer,
  HOST,
  sendRaw,
  target,
  until,
} from '../stage.ts';

/** An application that answers every message with its name. */
async function anEchoing(t: TestContext, name: string) {
  const { port, server } = await anApplication(t, (_request, response) => response.end(name));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => {
      socket.send(isBinary ? message : `${name}: ${String(message)}`, { binary: isBinary });
    });
  });
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
  });
  return { port, sockets };
}

async function open(t: TestContext, port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${String(port)}/chat?room=1`, 'chat', {
    headers: { Host: HOST },
  });
  t.after(() => socket.terminate());
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

function say(socket: WebSocket, message: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    socket.once('message', (answer: Buffer) => resolve(answer.toString('latin1')));
    socket.send(message);
  });
}

test('a WebSocket is carried both ways, counted, and outlives the switch to another replica', async (t) => {
  const old = await anEchoing(t, 'old');
  const young = await anEchoing(t, 'new');
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(old.port, 'old')]));
  const first = await open(t, proxy.port);
  assert.equal(first.protocol, 'chat');
  assert.equal(await say(first, 'a'), 'old: a');
  const big = Buffer.alloc(3_000_000, 'z');
  assert.equal((await say(first, big)).length, big.length);
  assert.deepEqual(proxy.table.inFlight(), { old: 1 });
  proxy.route(aRoute([target(young.port, 'new')]));
  const second = await open(t, proxy.port);
  assert.equal(await say(second, 'b'), 'new: b');
  assert.equal(await say(first, 'c'), 'old: c');
  assert.deepEqual(proxy.table.inFlight(), { old: 1, new: 1 });
  first.close();
  await until('only the second is in flight', () => !('old' in proxy.table.inFlight()));
  assert.deepEqual(proxy.table.inFlight(), { new: 1 });
});

test('a WebSocket ends for its client when the application ends', async (t) => {
  const application = await anEchoing(t, 'one');
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const socket = await open(t, proxy.port);
  let isClosed = false;
  socket.on('close', () => (isClosed = true));
  for (const end of application.sockets.clients) end.terminate();
  await until('the client sees it closed', () => isClosed);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});

test('a WebSocket that one replica refuses to connect is carried by another', async (t) => {
  const application = await anEchoing(t, 'one');
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(await aDeadPort(t)), target(application.port), target(await aDeadPort(t))]));
  for (let count = 0; count < 5; count++) assert.equal(await say(await open(t, proxy.port), 'a'), 'one: a');
  assert.deepEqual(Object.values(proxy.table.inFlight()), [5]);
});

const HANDSHAKE =
  `GET /chat HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

test('a WebSocket that the application declines gets its answer, and no way to talk to it unread', async (t) => {
  const urls: string[] = [];
  const application = await anApplication(t, (request, response) => {
    urls.push(request.url ?? '');
    response.writeHead(401, { 'X-Why': 'no token' }).end('who are you?');
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const answer = await sendRaw(proxy.port, `${HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.match(
    answer,
    /^HTTP\/1\.1 401 Unauthorized\r\nX-Why: no token\r\n[^]*Connection: close[^]*who are you\?/,
  );
  assert.deepEqual(urls, ['/chat']);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});

test('the head with which an application takes a WebSocket passes byte for byte, but for what no head may hold', async (t) => {
  const taken = async (reason: string) => {
    const rest = 'Connection: Upgrade\r\nUpgrade: websocket\r\nX-Name: Übel\r\n\r\n';
    const port = await aTcpServer(t, (socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 101 ${reason}\r\n${rest}`)),
    );
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(port)]));
    return Buffer.from(await sendRaw(proxy.port, HANDSHAKE), 'latin1').toString();
  };
  assert.match(await taken('Übel 成功'), /^HTTP\/1\.1 101 Übel 成功\r\n[^]*X-Name: Übel\r\n/);
  assert.match(await taken('\x1b[31mred'), /^HTTP\/1\.1 101 \r\n[^]*X-Name: Übel\r\n/);
});

test('a WebSocket to nowhere is answered as a request would be', async (t) => {
  const proxy = await aProxyServer(t);
  assert.match(await sendRaw(proxy.port, HANDSHAKE), /^HTTP\/1\.1 404 /);
  proxy.route(aRoute([]));
  assert.match(await sendRaw(proxy.port, HANDSHAKE), /^HTTP\/1\.1 503 [^]*has no healthy replica/);
  proxy.route(aRoute([target(await aDeadPort(t))]));
  assert.match(await sendRaw(proxy.port, HANDSHAKE), /^HTTP\/1\.1 503 [^]*accepts no connections/);
});

test('a client that leaves during the handshake leaves nothing behind', async (t) => {
  let asked = 0;
  let ended = 0;
  const server = createServer();
  server.on('upgrade', (_request, socket) => {
    asked++;
    socket.on('error', () => undefined);
    socket.on('end', () => {
      ended++;
      socket.end();
    });
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(address.port, 'mute')]));
  const answer = sendRaw(proxy.port, HANDSHAKE, 200);
  await until('the application is asked', () => asked === 1);
  assert.deepEqual(proxy.table.inFlight(), { mute: 1 });
  assert.equal(await answer, '');
  await until('the application sees it gone', () => ended === 1);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});
