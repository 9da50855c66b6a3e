import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { openStage, type Answer, type Stage } from './stage.ts';
import { until } from './until.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const put = (stage: Stage, path: string, payload: Buffer | Readable, headers: object = {}): Promise<Answer> =>
  stage.send({
    method: 'PUT',
    url: `/v1/${stage.project}/packages/${path}`,
    headers: { 'x-auth-token': stage.token, 'content-type': 'application/octet-stream', ...headers },
    payload,
  });

/** What lies in the data directory beside the database. */
async function kept(stage: Stage): Promise<readonly string[]> {
  const names = await readdir(stage.dataDir, { recursive: true, withFileTypes: true });
  return names
    .filter((one) => one.isFile() && !one.name.startsWith('openstage.db'))
    .map((one) => join(one.parentPath, one.name));
}

test('a package is streamed in and out, known by its digest', async (t) => {
  const stage = await openStage(t);
  const bytes = randomBytes(300_000);
  const answer = await put(
    stage,
    'shop/1.0.0/shop.jar',
    Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]),
  );
  assert.deepEqual(answer.body, {
    name: 'shop',
    version: '1.0.0',
    file: 'shop.jar',
    digest: sha256(bytes),
    size: bytes.length,
    url: `http://localhost:80/v1/${stage.project}/packages/shop/1.0.0/shop.jar`,
  });
  const url = `/v1/${stage.project}/packages/shop/1.0.0/shop.jar`;
  const headers = { 'x-auth-token': stage.token };
  const got = await stage.api.app.inject({ method: 'GET', url, headers });
  assert.equal(sha256(got.rawPayload), sha256(bytes));
  assert.equal(got.headers['etag'], `"${sha256(bytes)}"`);
  const head = await stage.api.app.inject({ method: 'HEAD', url, headers });
  assert.deepEqual(
    [head.statusCode, head.headers['content-length'], head.body],
    [200, String(bytes.length), ''],
  );
  assert.deepEqual((await stage.request('GET', `/v1/${stage.project}/packages`)).each('packages', 'file'), [
    'shop.jar',
  ]);
  assert.equal((await stage.request('DELETE', url)).status, 204);
  assert.equal((await stage.request('GET', url)).problem, '404 SVCSTG.00100408');
});

test('a JSON body is a package like any other, and a name may get new content', async (t) => {
  const stage = await openStage(t);
  const first = await put(stage, 'a/1/a.json', Buffer.from('{"a": null}'), {
    'content-type': 'application/json',
  });
  assert.equal(first.at('digest'), sha256(Buffer.from('{"a": null}')));
  const second = await put(stage, 'a/1/a.json', Buffer.from('other'));
  assert.equal(second.at('digest'), sha256(Buffer.from('other')));
  assert.equal((await kept(stage)).length, 2);
});

test('names that could leave a directory are refused, and nothing is kept', async (t) => {
  const stage = await openStage(t);
  const names = [
    '%2e%2e/1/a.jar',
    'a/%2e%2e/a.jar',
    'a/1/%2e%2e',
    'a/1/..%2f..%2fetc',
    'a/1/.hidden',
    'a/1/-rf',
    'a/1/a%00b',
    'a/1/a%5cb',
    'a/1/%E2%80%AEgpj.jar',
    `a/1/${'x'.repeat(129)}`,
    'a/1/a b.jar',
  ];
  for (const name of names) {
    const answer = await put(stage, name, Buffer.from('x'));
    assert.ok(answer.status === 400 || answer.status === 404, `${name}: ${answer.raw}`);
  }
  assert.deepEqual(await kept(stage), []);
});

test('too much is 413, announced or not; an empty package is refused', async (t) => {
  const stage = await openStage(t, { maxPackageBytes: 1000 });
  assert.equal((await put(stage, 'a/1/a.jar', randomBytes(1001))).problem, '413 APIG.0201');
  assert.equal(
    (await put(stage, 'a/1/a.jar', Readable.from([randomBytes(600), randomBytes(600)]))).problem,
    '413 APIG.0201',
  );
  assert.equal((await put(stage, 'a/1/a.jar', Buffer.alloc(0))).problem, '400 SVCSTG.00100400');
  assert.equal((await put(stage, 'a/1/a.jar', randomBytes(1000))).status, 200);
  assert.equal((await kept(stage)).length, 1);
});

test('an upload that breaks off leaves nothing', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await stage.api.listen();
  const socket = connect(httpPort, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(
    `PUT /v1/${stage.project}/packages/a/1/a.jar HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${stage.token}\r\nContent-Length: 100000\r\n\r\n`,
  );
  socket.write(randomBytes(50_000));
  await until(async () => (await kept(stage)).length === 1);
  socket.destroy();
  await until(async () => (await kept(stage)).length === 0);
  assert.equal((await stage.request('GET', `/v1/${stage.project}/packages`)).at('count'), 0);
  assert.ok(!stage.logged.some((line) => line.includes('"level":50')));
});

test('packages of another project are not seen', async (t) => {
  const stage = await openStage(t);
  await put(stage, 'a/1/a.jar', Buffer.from('x'));
  const { project, token } = await stage.neighbour();
  const headers = { 'x-auth-token': token };
  const foreign = await stage.send({
    method: 'GET',
    url: `/v1/${stage.project}/packages/a/1/a.jar`,
    headers,
  });
  assert.equal(foreign.problem, '403 APIG.0302');
  const own = await stage.send({ method: 'GET', url: `/v1/${project}/packages/a/1/a.jar`, headers });
  assert.equal(own.problem, '404 SVCSTG.00100408');
});
