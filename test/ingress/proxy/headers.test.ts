import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import {
  anApplication,
  aProxyServer,
  aRoute,
  ask,
  aTcpServer,
  echo,
  HOST,
  sendRaw,
  target,
} from '../stage.ts';

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
  assert.equal(text.text, `The application behind ${HOST} is stopped. Try again later.\n`);
  const json = await ask(proxy.port, { headers: { Accept: 'application/json' } });
  const body: unknown = JSON.parse(json.text);
  assert.deepEqual(body, { status: 503, message: text.text.trim(), host: HOST });
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

for (const [name, head, status, kept] of [
  ['204 that announces a body', 'HTTP/1.1 204 None\r\nContent-Length: 40\r\n', 204, undefined],
  ['304 that tells the length of what is not sent', 'HTTP/1.1 304 Same\r\nContent-Length: 40\r\n', 304, '40'],
] as const) {
  test(`of a ${name} the length is passed on only where it may be`, async (t) => {
    const port = await aTcpServer(t, (socket) => socket.on('data', () => socket.write(`${head}\r\n`)));
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(port)]));
    for (let time = 0; time < 2; time += 1) {
      const answer = await ask(proxy.port);
      assert.deepEqual([answer.status, answer.headers['content-length']], [status, kept]);
    }
  });
}

for (const [coding, status] of [
  ['Transfer-Encoding: chunked', 200],
  ['Transfer-Encoding: , Chunked', 200],
  ['Transfer-Encoding: gzip, chunked', 502],
  ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', 502],
  ['Transfer-Encoding: deflate', 502],
] as const) {
  test(`an answer with ${JSON.stringify(coding)} is answered ${status}, also to who asks for a WebSocket`, async (t) => {
    const port = await aTcpServer(t, (socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`));
    });
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(port)]));
    for (const connection of ['close', 'Upgrade\r\nUpgrade: websocket']) {
      const request = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: ${connection}\r\n\r\n`;
      const answer = await sendRaw(proxy.port, request, 5_000);
      assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
      assert.match(answer, status === 200 ? /ok/ : /gave an answer that is not HTTP/);
    }
  });
}
