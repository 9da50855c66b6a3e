import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ReadAhead } from '../../../src/ingress/proxy/read-ahead.ts';
import type { ServerLimits } from '../../../src/ingress/proxy/server.ts';
import { anApplication, aProxyServer, aRoute, ask, aTcpServer, HOST, target, until } from '../stage.ts';

const CLIENTS = Number(process.env['OPENSTAGE_LEAVING_CLIENTS'] ?? 100);
/** Of the minute after which each of them would be given up anyway. */
const MOST_MS = 45_000;
/** Beyond what a replica's and the proxy's sockets take between them while nobody reads. */
const PART = Buffer.alloc(5 * 1024 * 1024);

const head = (length: number) => `POST /sink HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${length}\r\n\r\n`;

async function aStage(t: TestContext, limits?: ServerLimits) {
  const proxy = await aProxyServer(t, limits);
  const sink = await aTcpServer(t, (socket) => void socket.pause());
  proxy.route(aRoute([target(sink, 'sink')]));
  const inFlight = () => proxy.table.inFlight()['sink'] ?? 0;
  const upload = async (length: number, part: Buffer) => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    socket.write(head(length));
    socket.write(part);
    await until('it is connected', () => !socket.connecting);
    return socket;
  };
  return { proxy, inFlight, upload };
}

/** What is written and not taken stands still: whoever was to read has stopped. */
async function untilPaused(sockets: readonly Socket[]): Promise<void> {
  let before = -1;
  let same = 0;
  await until('the uploads are paused', () => {
    const waiting = sockets.reduce((sum, { writableLength }) => sum + writableLength, 0);
    same = waiting === before ? same + 1 : 0;
    before = waiting;
    return same >= 20;
  });
}

const ways: readonly { readonly how: string; readonly leave: (socket: Socket) => void }[] = [
  { how: 'close', leave: (socket) => void socket.destroy() },
  { how: 'reset', leave: (socket) => void socket.resetAndDestroy() },
];
for (const { how, leave } of ways) {
  test(`clients that ${how} in the middle of an upload which nobody reads are let go at once`, async (t) => {
    const { inFlight, upload } = await aStage(t);
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => upload(1e9, PART)));
    await until('all are in flight', () => inFlight() === CLIENTS, MOST_MS);
    await untilPaused(sockets);
    for (const socket of sockets) leave(socket);
    await until('none is in flight', () => inFlight() === 0, MOST_MS);
  });
}

test('a client that has sent all and closes while nobody reads is let go', async (t) => {
  const { inFlight, upload } = await aStage(t, { endedMs: 300 });
  const socket = await upload(PART.length, PART);
  await until('it is in flight', () => inFlight() === 1);
  socket.end(() => socket.destroy());
  await until('it is in flight no more', () => inFlight() === 0);
});

test('what is read ahead of clients that stay is bounded for all of them together', async (t) => {
  const lookBytes = 1024 * 1024;
  const limits = { lookMs: 20, lookBytes, aheadBytes: 2 * lookBytes, unreadMs: 3_000 };
  const { inFlight, upload } = await aStage(t, limits);
  const sockets = await Promise.all(Array.from({ length: 6 }, () => upload(1e9, Buffer.alloc(2 ** 24))));
  await until('all are in flight', () => inFlight() === 6);
  await untilPaused(sockets);
  const taken = sockets
    .map(({ bytesWritten, writableLength }) => (bytesWritten - writableLength) / lookBytes)
    .toSorted((one, other) => one - other);
  const [least = 0] = taken;
  const more = taken.reduce((sum, each) => sum + each - least, 0);
  assert(more <= 4, `beyond the least of ${taken.join(', ')} MiB no more than two looks`);
  await until('none is in flight', () => inFlight() === 0);
});

test('who waits to read ahead comes to it when another gives back', () => {
  const ahead = new ReadAhead({ lookBytes: 10, aheadBytes: 25 });
  const came: string[] = [];
  const third = () => void came.push('third');
  for (const name of ['first', 'second']) ahead.ask(() => void came.push(name));
  ahead.ask(third);
  ahead.ask(() => void came.push('fourth'));
  assert.deepEqual(came, ['first', 'second']);
  ahead.cancel(third);
  ahead.giveBack(2);
  ahead.ask(() => void came.push('fifth'));
  assert.deepEqual(came, ['first', 'second', 'fourth', 'fifth']);
});

test('what was read ahead arrives whole and in order', async (t) => {
  const body = Buffer.alloc(24 * 1024 * 1024);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
  let isLooked = false;
  const application = await anApplication(t, (request, response) => {
    const parts: Buffer[] = [];
    void until('it was looked at', () => isLooked).then(() => {
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => response.end(String(Buffer.concat(parts).equals(body))));
    });
  });
  const proxy = await aProxyServer(t, { lookMs: 20 });
  proxy.route(aRoute([target(application.port)]));
  const answered = ask(proxy.port, { method: 'POST', body });
  setTimeout(() => (isLooked = true), 500);
  assert.equal((await answered).text, 'true');
});

function half(t: TestContext, port: number, bytes: string | Buffer) {
  let text = '';
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes));
  socket.on('data', (part: Buffer) => (text += part.toString()));
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return () => text;
}

test('a client that ends its side and waits gets its answer', async (t) => {
  const application = await anApplication(t, (request, response) => {
    let length = 0;
    setTimeout(() => {
      request.on('data', (part: Buffer) => (length += part.length));
      request.on('end', () => response.end(`read ${length}`));
    }, 300);
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const got = half(t, proxy.port, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await until('it is answered', () => got().endsWith('read 0'));
  const uploaded = half(t, proxy.port, Buffer.concat([Buffer.from(head(PART.length)), PART]));
  await until('its upload is answered', () => uploaded().endsWith(`read ${PART.length}`));
});

test('a long answer to a client that has ended its side is passed on as long as it is read', async (t) => {
  const application = await anApplication(t, (_request, response) => {
    let count = 0;
    const timer = setInterval(() => {
      response.write('.');
      if (++count === 20) response.end('!');
      if (count === 20) clearInterval(timer);
    }, 50);
  });
  const proxy = await aProxyServer(t, { endedMs: 300 });
  proxy.route(aRoute([target(application.port)]));
  const got = half(t, proxy.port, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
  await until('all of it came', () => got().includes('!'));
});

test('a client that ended its side is given up where nothing comes for it', async (t) => {
  let isGone = false;
  const application = await anApplication(t, (request) => void request.on('close', () => (isGone = true)));
  const proxy = await aProxyServer(t, { endedMs: 200 });
  proxy.route(aRoute([target(application.port, 'one')]));
  half(t, proxy.port, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await until('the application is told', () => isGone);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});

test('a WebSocket that the application does not read is ended, and its descriptors with it', async (t) => {
  let isClosed = false;
  const port = await aTcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.pause();
    });
  });
  const proxy = await aProxyServer(t, { unreadMs: 500 });
  proxy.route(aRoute([target(port, 'sink')]));
  const client = connect(proxy.port, '127.0.0.1', () =>
    client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`),
  );
  client.on('error', () => undefined);
  client.on('close', () => (isClosed = true));
  client.once('data', () => client.write(Buffer.alloc(2 ** 26)));
  await until('it is ended', () => isClosed);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});
