import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { instanceId } from '../../../src/domain/ids.ts';
import { has } from '../../drivers/process/machine.ts';
import { anApplication, aProxyServer, aRoute, ask, aTcpServer, HOST, target, until } from '../stage.ts';

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

/** An application that takes connections and reads none of them. */
const aSink = (t: TestContext) => aTcpServer(t, (socket) => socket.pause());

const descriptors = () => readdirSync('/proc/self/fd').length;

test('clients that leave uploads which nobody reads leave no descriptor behind', async (t) => {
  if (!has(t, process.platform === 'linux', 'descriptors are counted in /proc')) return;
  const proxy = await aProxyServer(t, { unreadMs: 500 });
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
  await until('none is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
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
  assert.equal((await ask(proxy.port)).status, 503);
  for (const { socket } of clients) socket.destroy();
});
