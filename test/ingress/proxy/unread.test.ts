import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { instanceId } from '../../../src/domain/ids.ts';
import { openIngress } from '../../../src/ingress/ingress.ts';
import { has } from '../../drivers/process/machine.ts';
import {
  aDataDir,
  anApplication,
  aProxyServer,
  aRoute,
  ask,
  aTcpServer,
  HOST,
  ingressOptions,
  target,
  until,
} from '../stage.ts';

const CLIENTS = 300;
const PART = Buffer.alloc(3 * 1024 * 1024);

/** Uploads that are longer than what anybody keeps on the way. */
function upload(
  t: TestContext,
  port: number,
  bytes = PART,
): { readonly socket: Socket; readonly answer: () => string } {
  let answer = '';
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`POST /sink HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000000\r\n\r\n`);
    socket.write(bytes);
  });
  socket.on('data', (bytes) => (answer += bytes.toString()));
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return { socket, answer: () => answer };
}

/** Sends this and an empty line, and keeps what comes back. */
function aClient(
  t: TestContext,
  port: number,
  head: string,
): { readonly socket: Socket; readonly answer: () => string } {
  let answer = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n`));
  socket.on('data', (bytes) => (answer += bytes.toString()));
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return { socket, answer: () => answer };
}

/** An application that takes connections and reads none of them. */
const aSink = (t: TestContext) => aTcpServer(t, (socket) => socket.pause());

const descriptors = () => readdirSync('/proc/self/fd').length;

test('clients that leave uploads which nobody reads leave no descriptor behind', async (t) => {
  if (!has(t, process.platform === 'linux', 'descriptors are counted in /proc')) return;
  const proxy = await aProxyServer(t);
  const held: Socket[] = [];
  const sink = await aTcpServer(t, (socket) => {
    held.push(socket.pause());
  });
  proxy.route(aRoute([target(sink)]));
  const before = descriptors();
  const clients = Array.from({ length: CLIENTS }, () => upload(t, proxy.port));
  await until('all upload', () => clients.every(({ socket }) => socket.bytesWritten > 0));
  await until('some are in flight', () => Object.keys(proxy.table.inFlight()).length > 0);
  for (const { socket } of clients) socket.destroy();
  // Of the minute after which each of them would be given up anyway.
  await until('none is in flight', () => Object.keys(proxy.table.inFlight()).length === 0, 45_000);
  // The application does not read that they have ended.
  for (const socket of held) socket.destroy();
  await until('the descriptors are free', () => descriptors() <= before + 5);
});

test('an upload that nobody reads ends with 504 for a client that stays', async (t) => {
  const proxy = await aProxyServer(t, { unreadMs: 300 });
  proxy.route(aRoute([target(await aSink(t))]));
  const { answer } = upload(t, proxy.port, Buffer.alloc(32 * 1024 * 1024));
  await until('it is answered', () => /^HTTP\/1\.1 504 [^]*did not read its body/.test(answer()));
});

test('an upload that is read slowly goes through', async (t) => {
  const application = await anApplication(t, (request, response) => {
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      request.pause();
      setTimeout(() => request.resume(), 5);
    });
    request.on('end', () => response.end(String(length)));
  });
  const proxy = await aProxyServer(t, { unreadMs: 2_000 });
  proxy.route(aRoute([target(application.port)]));
  const body = Buffer.alloc(4 * 1024 * 1024);
  assert.equal((await ask(proxy.port, { method: 'POST', body })).text, String(body.length));
});

test('one instance that holds all it may leaves the others their room, and tells when to come again', async (t) => {
  const proxy = await aProxyServer(t, { mostOfOne: 50 });
  const application = await anApplication(t, (_, response) => response.end('here'));
  const other = 'other.shop.localhost';
  const own = aRoute([target(await aSink(t))]);
  proxy.route(own, aRoute([target(application.port)], { instance: instanceId('other'), hosts: [other] }));
  const clients = Array.from({ length: CLIENTS }, () => upload(t, proxy.port));
  await until('fifty are in flight', () => Object.values(proxy.table.inFlight())[0] === 50);
  await until(
    'the others are sent away',
    () => clients.filter(({ answer }) => answer().startsWith('HTTP/1.1 503 ')).length === CLIENTS - 50,
  );
  assert.match(clients.find(({ answer }) => answer() !== '')?.answer() ?? '', /Retry-After: 1/);
  assert.equal((await ask(proxy.port, { host: other })).text, 'here');
  // Another table does not make anybody forget who is there.
  proxy.route(own, aRoute([target(application.port)], { instance: instanceId('other'), hosts: [other] }));
  const again = upload(t, proxy.port);
  await until('one more is sent away', () => again.answer().startsWith('HTTP/1.1 503 '));
  for (const { socket } of clients) socket.destroy();
});

test('what has ended makes room again: an answer, a client that left, a WebSocket', async (t) => {
  const proxy = await aProxyServer(t, { mostOfOne: 2, unreadMs: 60_000 });
  const application = await anApplication(t, (request, response) => {
    if (request.url === '/') response.end('here');
  });
  const held: Duplex[] = [];
  application.server.on('upgrade', (_, socket) => {
    held.push(socket);
    socket.resume().once('end', () => socket.end());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  });
  t.after(() => held.forEach((socket) => socket.destroy()));
  proxy.route(aRoute([target(application.port)]));
  const isServed = async () => (await ask(proxy.port)).status === 200;
  for (let times = 0; times < 5; times += 1) assert.ok(await isServed(), `the request after ${times}`);
  const raw = (head: string) => aClient(t, proxy.port, `${head}\r\nHost: ${HOST}\r\n`);
  for (let times = 0; times < 5; times += 1) {
    const waiting = raw('GET /never-answered HTTP/1.1');
    await until('it is in flight', () => Object.keys(proxy.table.inFlight()).length > 0);
    waiting.socket.destroy();
    await until('it left', () => Object.keys(proxy.table.inFlight()).length === 0);
  }
  assert.ok(await isServed());
  const handshake = 'GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket';
  const open = async () => {
    const client = raw(handshake);
    await until('it is answered', () => client.answer() !== '');
    return { ...client, status: client.answer().split(' ')[1] };
  };
  for (let times = 0; times < 5; times += 1) {
    const [one, other, third] = [await open(), await open(), await open()];
    assert.deepEqual([one.status, other.status, third.status], ['101', '101', '503']);
    assert.equal(await isServed(), false, 'WebSockets count as much as requests');
    for (const { socket } of [one, other]) socket.destroy();
    await until('they left', () => Object.keys(proxy.table.inFlight()).length === 0);
  }
  assert.ok(await isServed());
});

test('in the process of the proxy one instance leaves three quarters of its descriptors to the others', async (t) => {
  if (!has(t, process.platform === 'linux', 'the limit of descriptors is read from /proc')) return;
  const dataDir = aDataDir(t);
  const node = join(dataDir, 'node-with-few-descriptors');
  writeFileSync(node, `#!/bin/sh\nulimit -n 200\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  const ingress = await openIngress(ingressOptions(dataDir, { node }));
  t.after(() => ingress.shutdown());
  await ingress.publish([aRoute([target(await aSink(t))])]);
  const clients = Array.from({ length: 30 }, () => upload(t, ingress.address().port));
  const refused = () => clients.filter(({ answer }) => answer().startsWith('HTTP/1.1 503 ')).length;
  await until('five are sent away', () => refused() === 5);
  await until(
    'the others are under way',
    async () => Object.values(await ingress.inFlight()).join() === '25',
  );
  for (const { socket } of clients) socket.destroy();
});
