import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Writable } from 'node:stream';
import { anApplication, aProxyServer, aRoute, ask, echo, HOST, target, until } from '../stage.ts';

test('what an application says before it has ended is heard before it has ended', async (t) => {
  let finish = () => undefined as void;
  const application = await anApplication(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: 1\n\n');
    finish = () => void response.end('data: 2\n\n');
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  let text = '';
  const request = httpRequest({ host: '127.0.0.1', port: proxy.port, headers: { Host: HOST }, agent: false });
  request.on('response', (response) => response.on('data', (part: Buffer) => (text += part.toString())));
  request.end();
  await until('the first event is heard', () => text === 'data: 1\n\n');
  finish();
  await until('the second event is heard', () => text === 'data: 1\n\ndata: 2\n\n');
});

test('an answer that comes before the upload has ended reaches the client', async (t) => {
  const application = await anApplication(t, (_request, response) => {
    response.writeHead(413, { 'Content-Length': 3, Connection: 'close' }).end('big');
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const answer = await new Promise<string>((resolve, reject) => {
    const request = httpRequest({
      ...{ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false },
      headers: { Host: HOST, 'Content-Length': 1_000_000_000 },
    });
    request.on('response', (response) => {
      response.on('data', (part: Buffer) => {
        resolve(`${String(response.statusCode)} ${part.toString()}`);
        request.destroy();
      });
    });
    request.on('error', reject);
    request.write('x'.repeat(100_000));
  });
  assert.equal(answer, '413 big');
});

test('a client that leaves ends its request at the application', async (t) => {
  let arrived = false;
  let isGone = false;
  const application = await anApplication(t, (request) => {
    arrived = true;
    request.on('close', () => (isGone = true));
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port, 'one')]));
  const request = httpRequest({ host: '127.0.0.1', port: proxy.port, headers: { Host: HOST }, agent: false });
  request.on('error', () => undefined);
  request.end();
  await until('the request arrived', () => arrived);
  assert.deepEqual(proxy.table.inFlight(), { one: 1 });
  request.destroy();
  await until('the application sees it gone', () => isGone);
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});

test('heads that come slowly are cut, and hinder nobody', async (t) => {
  const application = await echo(t);
  const proxy = await aProxyServer(t, { headMs: 500 });
  proxy.route(aRoute([target(application.port)]));
  let ended = 0;
  for (let count = 0; count < 100; count++) {
    const socket = connect(proxy.port, '127.0.0.1', () =>
      socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Slow: `),
    );
    const drip = setInterval(() => socket.write('x'), 100);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(drip);
      ended++;
    });
    socket.resume();
  }
  for (let count = 0; count < 20; count++) assert.equal((await ask(proxy.port)).status, 200);
  await until('all slow ones are cut', () => ended === 100);
});

const SIZE = 200_000_000;
/** More than the buffers of two connections and of the proxy hold. */
const HELD = 40_000_000;

/** Says SIZE bytes as fast as it may, and tells how many it has said. */
function pour(into: Writable): () => number {
  const part = Buffer.alloc(100_000, 'd');
  let said = 0;
  const more = () => {
    while (said < SIZE) {
      said += part.length;
      if (!into.write(part)) {
        into.once('drain', more);
        return;
      }
    }
    into.end();
  };
  more();
  return () => said;
}

/** True when nothing moved between two looks that are long apart for a machine. */
async function standsStill(count: () => number): Promise<boolean> {
  const before = count();
  await setTimeout(200);
  return before > 0 && count() === before;
}

test('an application that says more than its client reads is held back, and all arrives', async (t) => {
  let said = () => 0;
  const application = await anApplication(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': SIZE });
    said = pour(response);
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const request = httpRequest({ host: '127.0.0.1', port: proxy.port, headers: { Host: HOST }, agent: false });
  const response = await new Promise<IncomingMessage>((resolve) => request.once('response', resolve).end());
  await until('the application is held back', () => standsStill(said));
  assert(said() < HELD, `${String(said())} bytes are on their way`);
  let heard = 0;
  response.on('data', (part: Buffer) => (heard += part.length));
  await until('all is heard', () => heard === SIZE);
});

for (const framing of ['of known length', 'in chunks']) {
  test(`an upload ${framing} that comes faster than it is read is held back, and all arrives`, async (t) => {
    let heard = 0;
    let upload: IncomingMessage | undefined;
    const application = await anApplication(t, (request, response) => {
      upload = request;
      request.once('end', () => response.end());
    });
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(application.port)]));
    const headers = { Host: HOST, ...(framing === 'in chunks' ? {} : { 'Content-Length': SIZE }) };
    const request = httpRequest({
      host: '127.0.0.1',
      port: proxy.port,
      method: 'POST',
      headers,
      agent: false,
    });
    const answer = new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    const said = pour(request);
    await until('the client is held back', () => standsStill(said));
    assert(said() < HELD, `${String(said())} bytes are on their way`);
    upload?.on('data', (part: Buffer) => (heard += part.length));
    assert.equal((await answer).statusCode, 200);
    assert.equal(heard, SIZE);
  });
}
