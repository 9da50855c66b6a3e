import assert from 'node:assert/strict';
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { seal } from '../../src/domain/envelope.ts';
import { hashToken } from '../../src/iam/tokens.ts';
import { findAccessKey, updateAccessKey } from '../../src/store/access-keys.ts';
import { insertTemporaryKey } from '../../src/store/temporary-keys.ts';
import { updateUser } from '../../src/store/users.ts';
import { sdkDate, sign, type Signing } from './sign.ts';
import { KEY_PAIR, openStage, type Answer, type Stage } from './stage.ts';

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

type Sent = Partial<Signing> & { readonly url: string; readonly source?: string };

function send(stage: Stage, sent: Sent): Promise<Answer> {
  const { method = 'GET', url, body } = sent;
  const headers = sign({ ...KEY_PAIR, ...sent });
  return stage.send({
    method: method === 'POST' ? 'POST' : method === 'PUT' ? 'PUT' : 'GET',
    url,
    headers,
    ...(body !== undefined && { payload: body }),
    remoteAddress: sent.source ?? '127.0.0.1',
  });
}

test('a signed request is served in the project that its address names', async (t) => {
  const stage = await openStage(t);
  const url = stage.at('/applications');
  const created = await send(stage, {
    method: 'POST',
    url,
    body: '{"name" : "signed"}\n',
    headers: { 'content-type': 'application/json', 'x-project-id': stage.project },
    signed: ['content-type', 'x-project-id'],
  });
  assert.equal(created.status, 200, created.raw);
  assert.equal(created.at('creator'), 'admin');
  const listed = await send(stage, { url: `${url}?limit=10&order=asc` });
  assert.deepEqual(listed.each('applications', 'name'), ['default', 'signed']);
  for (const project of ['nowhere', '0'.repeat(32)]) {
    const other = await send(stage, { url: stage.at('/applications', project) });
    assert.equal(other.problem, '403 APIG.0302');
  }
  const crossed = await send(stage, { url, headers: { 'x-project-id': 'another' } });
  assert.equal(crossed.problem, '403 APIG.0302');
});

test('the body is hashed as it came, also of a GET, and another body is refused before it is read', async (t) => {
  const stage = await openStage(t);
  const signed = {
    url: '/v3/projects?name=local',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  };
  assert.equal((await send(stage, signed)).status, 200);
  const headers = sign({
    ...KEY_PAIR,
    method: 'POST',
    url: stage.at('/applications'),
    body: '{"name":"one"}',
  });
  const changed = await stage.send({
    method: 'POST',
    url: stage.at('/applications'),
    headers: { ...headers, 'content-type': 'application/json' },
    payload: 'no JSON at all',
  });
  assert.equal(changed.problem, '401 APIG.0301');
  assert.match(
    changed.text('error_msg'),
    /verify aksk signature fail, the canonical request.*\nPOST\n\/v2\//s,
  );
});

test('who is refused learns why, in the words of the gateway, and no secret', async (t) => {
  const stage = await openStage(t);
  const url = stage.at('/applications');
  const refusals: readonly [Sent, RegExp][] = [
    [{ url, access: 'AKNOBODY' }, /Get secretKey failed,ak:AKNOBODY,err:ak not exist/],
    [{ url, secret: 'wrong' }, /verify aksk signature fail/],
    [
      { url, time: Date.now() - 16 * 60_000 },
      /the signature expired: X-Sdk-Date is .* expected at most 15 minutes/,
    ],
    [{ url, time: Date.now() + 16 * 60_000 }, /the signature expired/],
    [
      {
        url,
        secret: 'wrong',
        headers: { 'x-security-token': 'told-to-nobody' },
        signed: ['x-security-token'],
      },
      /x-security-token:\*{6}\n/,
    ],
  ];
  for (const [sent, says] of refusals) {
    const answer = await send(stage, sent);
    assert.equal(answer.problem, '401 APIG.0301');
    assert.match(answer.text('error_msg'), /^Incorrect IAM authentication information: /);
    assert.match(answer.text('error_msg'), says);
    assert.ok(!answer.raw.includes(KEY_PAIR.secret) && !answer.raw.includes('told-to-nobody'));
  }
  for (const minutes of [-14, 14])
    assert.equal((await send(stage, { url, time: Date.now() + minutes * 60_000 })).status, 200);
  const raw = async (headers: Record<string, string>) => stage.send({ method: 'GET', url, headers });
  const other = await raw({ authorization: 'SDK-HMAC-SM3 Access=a, SignedHeaders=x-sdk-date, Signature=b' });
  assert.match(other.text('error_msg'), /the algorithm "SDK-HMAC-SM3" is not taken/);
  assert.match((await raw({ authorization: 'Bearer abc' })).text('error_msg'), /scheme "Bearer"/);
  const beside = await raw({ authorization: 'Basic abc', 'x-auth-token': stage.token });
  assert.equal(beside.status, 200);
  const missing = sign({ ...KEY_PAIR, url, headers: { host: 'a', accept: 'b' }, signed: ['accept'] });
  delete missing['accept'];
  assert.match((await raw(missing)).text('error_msg'), /the signed header "accept" was not sent/);
  const identity = await send(stage, { url: '/v3/projects', secret: 'wrong' });
  assert.equal(identity.problem, '401 401');
});

test('five wrong signatures in a row lock the key for what is wrong from that network; a right one passes', async (t) => {
  const stage = await openStage(t);
  const url = stage.at('/applications');
  const wrong = () => send(stage, { url, secret: 'wrong' });
  for (let n = 0; n < 4; n += 1) await wrong();
  assert.equal((await send(stage, { url })).status, 200);
  // Neither clocks that are wrong nor keys that are unknown count.
  for (let n = 0; n < 6; n += 1) await send(stage, { url, time: Date.now() - 3_600_000 });
  for (let n = 0; n < 5; n += 1) await wrong();
  const locked = await wrong();
  assert.equal(locked.problem, '401 APIG.0301');
  assert.match(locked.text('error_msg'), /AK access failed to reach the limit,forbidden/);
  assert.equal((await send(stage, { url, source: '10.0.0.9' })).status, 200);
  assert.equal((await send(stage, { url })).status, 200);
  assert.doesNotMatch((await wrong()).text('error_msg'), /reach the limit/);
});

test('a key that was made inactive, and one of a disabled user, are as unknown as one that never was', async (t) => {
  for (const change of ['key', 'user'] as const) {
    const stage = await openStage(t);
    await stage.store.write((tx) =>
      change === 'key'
        ? updateAccessKey(tx, KEY_PAIR.access, { isActive: false })
        : updateUser(tx, stage.admin, { isEnabled: false }),
    );
    const answer = await send(stage, { url: stage.at('/applications') });
    assert.equal(answer.problem, '401 APIG.0301');
    assert.match(answer.text('error_msg'), /err:ak not exist/);
  }
});

test('the use of a key is noted', async (t) => {
  const stage = await openStage(t);
  const before = Date.now();
  await send(stage, { url: '/v3/projects' });
  const key = await findAccessKey(stage.store.read, KEY_PAIR.access);
  assert.ok((key?.lastUseTime ?? 0) >= before);
  assert.ok(!JSON.stringify(key).includes(KEY_PAIR.secret));
});

test('a temporary key signs together with its security token, until it ends', async (t) => {
  let now = Date.now();
  const stage = await openStage(t, { now: () => now });
  const pair = { access: 'AKTEMPORARY000000001', secret: 'temporary' };
  await stage.store.write((tx) =>
    insertTemporaryKey(tx, {
      access: pair.access,
      user: stage.admin,
      secret: seal(stage.services.key, pair.secret, randomBytes(12)),
      tokenHash: hashToken('the-token'),
      issueTime: now,
      expireTime: now + 900_000,
    }),
  );
  const url = stage.at('/applications');
  const withToken = (token: string) =>
    send(stage, {
      ...pair,
      url,
      time: now,
      headers: { 'x-security-token': token },
      signed: ['x-security-token'],
    });
  assert.equal((await withToken('the-token')).status, 200);
  assert.match(
    (await withToken('another')).text('error_msg'),
    /X-Security-Token is missing or belongs to another/,
  );
  assert.match(
    (await send(stage, { ...pair, url, time: now })).text('error_msg'),
    /X-Security-Token is missing/,
  );
  // Terraform's library adds it after signing.
  const unsigned = { ...sign({ ...pair, url, time: now }), 'x-security-token': 'the-token' };
  assert.equal((await stage.send({ method: 'GET', url, headers: unsigned })).status, 200);
  now += 900_001;
  assert.match((await withToken('the-token')).text('error_msg'), /token expires, expires_at: /);
});

test('the derived form is taken for the day of the request', async (t) => {
  const stage = await openStage(t);
  const url = stage.at('/applications');
  const date = sdkDate(Date.now());
  const derived = (day: string) => {
    const info = `${day}/region-1/servicestage`;
    const key = Buffer.from(hkdfSync('sha256', KEY_PAIR.secret, KEY_PAIR.access, info, 32)).toString('hex');
    const canonical = `GET\n${url}/\n\nx-sdk-date:${date}\n\nx-sdk-date\n${sha256('')}`;
    const text = `V11-HMAC-SHA256\n${date}\n${info}\n${sha256(canonical)}`;
    const signature = createHmac('sha256', key).update(text).digest('hex');
    return stage.send({
      method: 'GET',
      url,
      headers: {
        'x-sdk-date': date,
        authorization: `V11-HMAC-SHA256 Credential=${KEY_PAIR.access}/${info}, SignedHeaders=x-sdk-date, Signature=${signature}`,
      },
    });
  };
  assert.equal((await derived(date.slice(0, 8))).status, 200);
  assert.match((await derived('20200101')).text('error_msg'), /the key was derived for 20200101/);
});

test('an upload is signed by its hash, by a declared hash, or goes unsigned; never another body than the signed one', async (t) => {
  const stage = await openStage(t);
  const upload = (name: string, headers: Record<string, string>, body = 'bytes of a package') => {
    const url = `/v1/${stage.project}/packages/p/1/${name}`;
    const signed = sign({
      ...KEY_PAIR,
      method: 'PUT',
      url,
      headers: { 'content-type': 'application/octet-stream', ...headers },
      body: 'bytes of a package',
    });
    return stage.send({ method: 'PUT', url, headers: signed, payload: body });
  };
  const right = { 'x-sdk-content-sha256': sha256('bytes of a package') };
  assert.equal((await upload('a.jar', {})).status, 200);
  assert.equal((await upload('b.jar', right)).status, 200);
  assert.equal((await upload('c.jar', { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' })).status, 200);
  assert.equal((await upload('d.jar', {}, 'something else')).problem, '401 APIG.0301');
  assert.equal((await upload('e.jar', right, 'something else')).problem, '401 APIG.0301');
  assert.equal((await upload('f.jar', { 'x-sdk-content-sha256': 'abc' })).problem, '401 APIG.0301');
  const listed = await stage.request('GET', `/v1/${stage.project}/packages`);
  assert.deepEqual(listed.each('packages', 'file').toSorted(), ['a.jar', 'b.jar', 'c.jar']);
  const json = await send(stage, {
    method: 'POST',
    url: stage.at('/applications'),
    body: '{"name":"x"}',
    headers: { 'content-type': 'application/json', 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' },
  });
  assert.match(json.text('error_msg'), /UNSIGNED-PAYLOAD\), which bodies of JSON may not/);
});

test('over a connection: a chunked body, and header values as the bytes that came', async (t) => {
  const stage = await openStage(t);
  const { httpPort } = await stage.api.listen();
  const url = stage.at('/applications');
  const body = Buffer.from('{"name":"chunked","description":"中文"}');
  const custom = Buffer.from('héllo 中文').toString('latin1');
  const date = sdkDate(Date.now());
  const names = 'host;x-custom;x-sdk-date';
  const canonical = `POST\n${url}/\n\nhost:127.0.0.1:${httpPort}\nx-custom:${custom}\nx-sdk-date:${date}\n\n${names}\n${sha256(body)}`;
  const text = `SDK-HMAC-SHA256\n${date}\n${sha256(Buffer.from(canonical, 'latin1'))}`;
  const signature = createHmac('sha256', KEY_PAIR.secret).update(text).digest('hex');
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: httpPort,
        path: url,
        method: 'POST',
        headers: {
          'Transfer-Encoding': 'chunked',
          'Content-Type': 'application/json',
          'X-Custom': custom,
          'X-Sdk-Date': date,
          Authorization: `SDK-HMAC-SHA256 Access=${KEY_PAIR.access}, SignedHeaders=${names}, Signature=${signature}`,
        },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on('error', reject);
    request.write(body.subarray(0, 10));
    request.end(body.subarray(10));
  });
  assert.equal(answer.status, 200, answer.body);
  assert.equal(JSON.parse(answer.body).description, '中文');
});
