import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import {
  aDeadPort,
  anApplication,
  aProxyServer,
  aRoute,
  aTcpServer,
  ask,
  HOST,
  sendRaw,
  target,
  until,
} from '../stage.ts';

/** Tells the request as the application got it. */
const echo = (t: Parameters<typeof anApplication>[0]) =>
  anApplication(t, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method, url, rawHeaders } = request;
      const length = Buffer.concat(parts).length;
      response.end(JSON.stringify({ method, url, rawHeaders, length }));
    });
  });

test('a host that no instance has is answered 404 and named', async (t) => {
  const proxy = await aProxyServer(t);
  const answer = await ask(proxy.port, { host: 'nobody.localhost:7081' });
  assert.equal(answer.status, 404);
  assert.match(answer.text, /No instance has the host nobody\.localhost\./);
});

test('a host is found whatever its case, port and final dot', async (t) => {
  const application = await echo(t);
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  for (const host of [HOST, HOST.toUpperCase(), `${HOST}:7081`, `${HOST}.`, `${HOST}.:80`]) {
    assert.equal((await ask(proxy.port, { host })).status, 200, host);
  }
});

test('an instance without replicas is answered 503 with the reason, as text or JSON', async (t) => {
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([], { absence: 'is stopped' }));
  const text = await ask(proxy.port);
  assert.equal(text.status, 503);
  assert.equal(text.headers['retry-after'], '1');
  assert.equal(text.text, `The instance shop-web behind ${HOST} is stopped. Try again later.\n`);
  const json = await ask(proxy.port, { headers: { Accept: 'application/json' } });
  const body: unknown = JSON.parse(json.text);
  assert.deepEqual(body, { status: 503, message: text.text.trim(), host: HOST, instance: 'shop-web' });
});

for (const method of ['GET', 'POST']) {
  test(`a ${method} that one replica refuses is answered by another`, async (t) => {
    const application = await echo(t);
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(await aDeadPort(t)), target(application.port), target(await aDeadPort(t))]));
    const body = method === 'POST' ? Buffer.alloc(1_000_000, 'x') : undefined;
    for (let round = 0; round < 10; round++) {
      const answer = await ask(proxy.port, { method, ...(body === undefined ? {} : { body }) });
      assert.equal(answer.status, 200);
      assert.match(answer.text, new RegExp(`"length":${String(body?.length ?? 0)}\\b`));
    }
    assert.deepEqual(proxy.table.inFlight(), {});
  });
}

test('a POST that all replicas refuse is answered 503, and its connection serves on', async (t) => {
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(await aDeadPort(t)), target(await aDeadPort(t))]));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let round = 0; round < 3; round++) {
    const answer = await ask(proxy.port, { method: 'POST', body: 'x'.repeat(200_000), agent });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.match(answer.text, /No replica of the instance shop-web/);
  }
});

test('an application that closes idle connections as requests arrive loses none, POST included', async (t) => {
  // Closes a connection without notice 25 ms after its last answer, which is when the next request comes.
  const port = await aTcpServer(t, (socket) => {
    let timer: NodeJS.Timeout | undefined;
    socket.on('data', () => {
      clearTimeout(timer);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      timer = setTimeout(() => socket.destroy(), 25);
    });
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(port)]));
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  let failed = 0;
  for (let round = 0; round < 120; round++) {
    const method = round % 2 === 0 ? 'GET' : 'POST';
    const answer = await ask(proxy.port, { method, agent, ...(method === 'POST' ? { body: 'abc' } : {}) });
    if (answer.status !== 200) failed++;
    await new Promise((resolve) => setTimeout(resolve, 22 + (round % 7)));
  }
  assert.equal(failed, 0);
});

test('a request without effect is repeated when its used connection is closed unanswered, another is not', async (t) => {
  let arrived = 0;
  const port = await aTcpServer(t, (socket) => {
    let requests = 0;
    socket.on('data', () => {
      arrived++;
      if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.destroy();
    });
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(port)]));
  const statuses: number[] = [];
  for (const method of ['GET', 'GET', 'DELETE']) statuses.push((await ask(proxy.port, { method })).status);
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.equal(arrived, 5, 'the second and the third arrived twice');
  const firstOfConnection = await aTcpServer(t, (socket) => {
    socket.on('data', () => {
      arrived++;
      socket.destroy();
    });
  });
  proxy.route(aRoute([target(firstOfConnection, 'crasher')]));
  arrived = 0;
  const answer = await ask(proxy.port);
  assert.equal(answer.status, 502);
  assert.match(answer.text, /Replica crasher of the instance shop-web/);
  assert.equal(arrived, 1, 'what may have broken one replica is not tried on another');
});

test('an answer that breaks off is broken off for the client too', async (t) => {
  const application = await anApplication(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('half', () => response.destroy());
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  await assert.rejects(ask(proxy.port), { code: 'ECONNRESET' });
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});

test('hop-by-hop headers end here, forwarded ones are overwritten, the rest passes as spelled', async (t) => {
  const application = await echo(t);
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  const answer = await sendRaw(
    proxy.port,
    [
      'GET /a?b=%20c HTTP/1.1',
      `hOsT: ${HOST}:7081`,
      'Connection: close, X-Named',
      'X-Named: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Proxy-Authorization: Basic eA==',
      'Proxy-Connection: keep-alive',
      'Proxy: http://evil.example',
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-proto: https',
      'X_Forwarded_For: 6.6.6.6',
      'X-Forwarded-Prefix: /evil',
      'X_Real_IP: 6.6.6.6',
      'Forwarded: for=6.6.6.6',
      'X-Real-IP: 6.6.6.6',
      'Content_Length: 5',
      'X-oNe: kept',
      'Cookie: a=1',
      'Cookie: b=2',
      '',
      '',
    ].join('\r\n'),
  );
  const told: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
  assert.deepEqual(told, {
    method: 'GET',
    url: '/a?b=%20c',
    length: 0,
    rawHeaders: [
      ...[
        'host',
        `${HOST}:7081`,
        'connection',
        'keep-alive',
        'X-oNe',
        'kept',
        'Cookie',
        'a=1',
        'Cookie',
        'b=2',
      ],
      ...['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Host', `${HOST}:7081`, 'X-Forwarded-Proto', 'http'],
    ],
  });
});

test("an application's headers come back as it spelled them, without those of its own connection", async (t) => {
  const port = await aTcpServer(t, (socket) => {
    socket.on('data', () => {
      socket.end(
        'HTTP/1.1 299 Odd Reason\r\nConnection: close, X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=9\r\n' +
          'sEt-CooKie: a=1\r\nSet-Cookie: b=\u00e4\r\nContent-Length: 2\r\nDate: then\r\n\r\nok',
        'latin1',
      );
    });
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(port)]));
  const answer = await ask(proxy.port);
  assert.equal(answer.status, 299);
  assert.deepEqual(answer.rawHeaders.slice(0, 8), [
    ...['sEt-CooKie', 'a=1', 'Set-Cookie', 'b=\u00e4', 'Content-Length', '2', 'Date', 'then'],
  ]);
  assert.equal(answer.headers['x-named'], undefined);
});

test('answers without a body, of unknown length and of HTTP/1.0 arrive whole, and connections serve on', async (t) => {
  const application = await anApplication(t, (request, response) => {
    if (request.url === '/204') response.writeHead(204).end();
    else if (request.url === '/304') response.writeHead(304, { ETag: '"a"' }).end();
    else if (request.url === '/empty') response.writeHead(200, { 'Content-Length': 0 }).end();
    else if (request.url === '/early') {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('late');
    } else response.writeHead(200, { 'Content-Type': 'text/plain' }).end('x'.repeat(50_000));
  });
  const old = await aTcpServer(t, (socket) => {
    socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold'));
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]), aRoute([target(old)], { hosts: ['old.localhost'] }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const seen: [string, number, number][] = [];
  for (const path of ['/204', '/304', '/empty', '/early', '/long', '/204']) {
    const { status, text } = await ask(proxy.port, { path, agent });
    seen.push([path, status, text.length]);
  }
  const head = await ask(proxy.port, { method: 'HEAD', path: '/long', agent });
  seen.push(['HEAD', head.status, head.text.length]);
  const { status, text } = await ask(proxy.port, { host: 'old.localhost', agent });
  seen.push([text, status, text.length]);
  assert.deepEqual(seen, [
    ['/204', 204, 0],
    ['/304', 304, 0],
    ['/empty', 200, 0],
    ['/early', 200, 4],
    ['/long', 200, 50_000],
    ['/204', 204, 0],
    ['HEAD', 200, 0],
    ['old', 200, 3],
  ]);
});

test('a client that asks first is told to continue only when a replica is there to read', async (t) => {
  const application = await echo(t);
  const proxy = await aProxyServer(t);
  const head = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
  proxy.route(aRoute([]));
  assert.match(await sendRaw(proxy.port, head), /^HTTP\/1\.1 503 [^]*connection: close/i);
  proxy.route(aRoute([target(application.port)]));
  const heard = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(proxy.port, '127.0.0.1', () => socket.write(head));
    socket.on('data', (part: Buffer) => {
      text += part.toString();
      if (text === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('abc');
      if (text.includes('"length":3')) {
        socket.destroy();
        resolve(text);
      }
    });
  });
  assert.match(heard, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});

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

test('a replica that left the table gets nothing new, finishes what it has, and its idle connections end', async (t) => {
  const held: (() => void)[] = [];
  let connections = 0;
  const old = await anApplication(t, (request, response) => {
    if (request.url === '/hold') held.push(() => response.end('old'));
    else response.end('old');
  });
  old.server.on('connection', (socket) => {
    connections++;
    socket.on('close', () => connections--);
  });
  const young = await anApplication(t, (_request, response) => response.end('new'));
  const proxy = await aProxyServer(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  proxy.route(aRoute([target(old.port, 'old')]));
  await Promise.all([ask(proxy.port, { agent }), ask(proxy.port, { agent }), ask(proxy.port, { agent })]);
  const waiting = ask(proxy.port, { path: '/hold', agent });
  await until('the request is held', () => held.length === 1);
  proxy.route(aRoute([target(young.port, 'new')]));
  assert.equal((await ask(proxy.port, { agent })).text, 'new');
  assert.deepEqual(proxy.table.inFlight(), { old: 1 });
  await until('only the busy connection stands', () => connections === 1);
  held[0]?.();
  assert.equal((await waiting).text, 'old');
  assert.deepEqual(proxy.table.inFlight(), {});
  await until('no connection stands', () => connections === 0);
});

test('requests go to the replica with the least in flight, in turn among equals', async (t) => {
  const counts = [0, 0, 0];
  const held: (() => void)[] = [];
  const targets = [];
  for (const index of counts.keys()) {
    const application = await anApplication(t, (request, response) => {
      counts[index] = (counts[index] ?? 0) + 1;
      if (request.url === '/hold') held.push(() => response.end());
      else response.end();
    });
    targets.push(target(application.port));
  }
  const proxy = await aProxyServer(t);
  proxy.route(aRoute(targets));
  for (let count = 0; count < 30; count++) await ask(proxy.port);
  assert.deepEqual(counts, [10, 10, 10]);
  const waiting = Array.from({ length: 9 }, () => ask(proxy.port, { path: '/hold' }));
  await until('all are held', () => held.length === 9);
  assert.deepEqual(counts, [13, 13, 13]);
  for (const release of held) release();
  await Promise.all(waiting);
});
