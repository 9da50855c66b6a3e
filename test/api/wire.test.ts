import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { request as httpsRequest } from 'node:https';
import { openStage, PASSWORD, type Stage } from './stage.ts';
import { until } from './until.ts';

interface Raw {
  readonly status: number;
  readonly head: string;
  readonly text: string;
}

/** Sends bytes as they are and reads until the other side closes. */
function exchange(port: number, bytes: string | Buffer, t: TestContext): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    t.after(() => socket.destroy());
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString();
      const [head = '', body = ''] = text.split('\r\n\r\n');
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
      resolve({ status, head, text: body });
    });
  });
}

const ports = (stage: Stage) => stage.api.listen();

test('the token header keeps its spelling on the raw answer, and every answer has a request id', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await ports(stage);
  const body = JSON.stringify({
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'admin', domain: { name: 'openstage' }, password: PASSWORD } },
      },
      scope: { project: { name: 'local' } },
    },
  });
  const answer = await exchange(
    httpPort,
    `POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json;charset=utf8\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    t,
  );
  assert.equal(answer.status, 201);
  assert.match(answer.head, /^X-Subject-Token: \S{20,}$/m);
  assert.match(answer.head, /^X-Request-Id: [0-9a-f]{32}$/m);
  assert.match(answer.head, /^X-IAM-Trace-Id: [0-9a-f]{32}$/m);
});

test('what is no good HTTP is answered in JSON with a request id', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await ports(stage);
  const rows: readonly { name: string; bytes: string | Buffer; status: number }[] = [
    { name: 'no Host', bytes: 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', status: 400 },
    { name: 'garbage', bytes: 'not http at all\r\n\r\n', status: 400 },
    { name: 'TLS on the plain port', bytes: Buffer.from('16030100a5010000a10303', 'hex'), status: 400 },
    { name: 'bad method', bytes: 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', status: 400 },
    {
      name: 'two lengths',
      bytes: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      status: 400,
    },
    {
      name: 'bad chunk',
      bytes: `POST ${stage.at('/applications')} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${stage.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      status: 400,
    },
    {
      name: 'unknown expectation',
      bytes: 'GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      status: 417,
    },
    {
      name: 'headers too large',
      bytes: `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(40_000)}\r\n\r\n`,
      status: 431,
    },
    {
      name: 'address too long',
      bytes: `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      status: 414,
    },
    {
      name: 'bad escape',
      bytes: 'GET /v2/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      status: 400,
    },
    {
      name: 'unknown route',
      bytes: 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      status: 404,
    },
  ];
  for (const { name, bytes, status } of rows) {
    const answer = await exchange(httpPort, bytes, t);
    assert.equal(answer.status, status, `${name}: ${answer.head}`);
    assert.match(answer.head, /^X-Request-Id: [0-9a-f]{32}$/m, name);
    assert.match(answer.head, /^Content-Type: application\/json/im, name);
    const body = Object(JSON.parse(answer.text));
    assert.equal(body.error_code, status === 404 ? 'APIG.0101' : 'APIG.0201', name);
    assert.equal(typeof body.error_msg, 'string', name);
    assert.match(String(body.request_id), /^[0-9a-f]{32}$/, name);
  }
});

test('GET and DELETE that announce JSON and send nothing are taken', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await ports(stage);
  const id = (await stage.post('/applications', { name: 'shop' })).text('id');
  for (const [method, status] of [
    ['GET', 200],
    ['DELETE', 204],
  ] as const) {
    for (const length of ['', 'Content-Length: 0\r\n']) {
      const answer = await exchange(
        httpPort,
        `${method} ${stage.at(`/applications/${id}`)} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${stage.token}\r\nContent-Type: application/json\r\n${length}Connection: close\r\n\r\n`,
        t,
      );
      // The second DELETE finds nothing any more.
      assert.ok([status, 404].includes(answer.status), answer.head);
    }
  }
  assert.equal((await stage.get(`/applications/${id}`)).status, 404);
});

test('the same API answers over TLS', async (t) => {
  const stage = await openStage(t);
  const { httpsPort } = await ports(stage);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const url = `https://127.0.0.1:${httpsPort}${stage.at('/applications')}`;
    const headers = { 'X-Auth-Token': stage.token };
    httpsRequest(url, { rejectUnauthorized: false, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  assert.equal(status, 200);
});

test('an announced body over the limit is refused before it comes, an unannounced one as it comes', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await ports(stage);
  const head = `POST ${stage.at('/applications')} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${stage.token}\r\nContent-Type: application/json\r\nConnection: close\r\n`;
  const announced = await exchange(httpPort, `${head}Content-Length: 2000000\r\n\r\n`, t);
  assert.equal(announced.status, 413);
  assert.equal(Object(JSON.parse(announced.text)).error_code, 'APIG.0201');
  const chunk = 'a'.repeat(0x10000);
  const chunks = `10000\r\n${chunk}\r\n`.repeat(17);
  const chunked = await exchange(httpPort, `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`, t);
  assert.equal(chunked.status, 413);
});

test('a client that sends too much sees its answer, whatever it sends', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await ports(stage);
  const origin = `http://127.0.0.1:${httpPort}`;
  const big = 'x'.repeat(6_000_000);
  const chunks = async function* () {
    for (let at = 0; at < big.length; at += 100_000) yield Buffer.from(big.slice(at, at + 100_000));
  };
  const rows = [
    { method: 'POST', url: stage.at('/applications'), status: 413 },
    { method: 'PUT', url: `/v1/${stage.project}/packages/a/1/a.jar`, status: 413 },
    { method: 'POST', url: '/nowhere', status: 404 },
    { method: 'POST', url: stage.at('/applications', 'other'), status: 403 },
  ];
  for (const { method, url, status } of rows) {
    for (const body of [big, Readable.toWeb(Readable.from(chunks()))]) {
      const headers = { 'x-auth-token': stage.token, 'content-type': 'application/json' };
      const answer = await fetch(`${origin}${url}`, { method, headers, body, duplex: 'half' });
      assert.equal(answer.status, status, `${method} ${url}`);
      assert.match(String(Object(await answer.json()).error_code), /^APIG\./);
    }
  }
});

test('a stopping platform lets requests under way end and frees both ports', async (t) => {
  const stage = await openStage(t);
  const { httpPort, httpsPort } = await ports(stage);
  const idle = connect(httpPort, '127.0.0.1');
  t.after(() => idle.destroy());
  await new Promise((resolve) => idle.once('connect', resolve));
  const upload = connect(httpPort, '127.0.0.1');
  t.after(() => upload.destroy());
  upload.write(
    `PUT /v1/${stage.project}/packages/a/1/a.jar HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${stage.token}\r\nContent-Length: 6\r\n\r\nfirst`,
  );
  await until(async () => (await readdir(join(stage.dataDir, 'tmp')).catch(() => [])).length === 1);
  const closing = stage.api.close();
  const late = await stage.get('/applications');
  assert.equal(late.problem, '503 SVCSTG.00100503');
  assert.ok(Number(late.headers['retry-after']) > 0);
  const answered = once(upload, 'data');
  upload.write('!');
  const [bytes] = await answered;
  assert.match(String(bytes), /^HTTP\/1\.1 200 /);
  await closing;
  for (const port of [httpPort, httpsPort]) {
    const code = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', (error) => resolve('code' in error ? error.code : error));
      socket.on('connect', () => resolve('connected'));
    });
    assert.equal(code, 'ECONNREFUSED');
  }
});
