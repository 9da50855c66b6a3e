import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign } from './sign.ts';
import { KEY_PAIR, openStage, type Answer, type Stage } from './stage.ts';

const base = '/v3.0/OS-CREDENTIAL/credentials';

const signed = (stage: Stage, pair: { access: string; secret: string }, url: string, headers = {}) =>
  stage.send({ method: 'GET', url, headers: sign({ ...pair, url, headers }) });

const pairIn = (answer: Answer) => ({
  access: answer.text('credential', 'access'),
  secret: answer.text('credential', 'secret'),
});

test('a key is made, used, put aside and deleted; its secret is told once, and a user has two at most', async (t) => {
  const stage = await openStage(t);
  const made = await stage.request('POST', base, {
    credential: { user_id: stage.admin, description: 'for the tests' },
  });
  assert.equal(made.status, 201, made.raw);
  const pair = pairIn(made);
  assert.match(pair.access, /^[A-Z0-9]{20}$/);
  assert.match(pair.secret, /^[A-Za-z0-9]{40}$/);
  const url = stage.at('/applications');
  assert.equal((await signed(stage, pair, url)).status, 200);
  const full = await stage.request('POST', base, { credential: {} });
  assert.equal(full.problem, '400 IAM.0011');
  assert.match(full.text('error_msg'), /has 2 access keys, which is the most/);
  const listed = await stage.request('GET', `${base}?user_id=${stage.admin}`);
  assert.deepEqual(listed.each('credentials', 'access'), [KEY_PAIR.access, pair.access]);
  const shown = await stage.request('GET', `${base}/${pair.access}`);
  assert.ok(shown.text('credential', 'last_use_time') !== '');
  for (const answer of [listed, shown]) assert.ok(!answer.raw.includes(pair.secret));

  const aside = await stage.request('PUT', `${base}/${pair.access}`, { credential: { status: 'inactive' } });
  assert.equal(aside.at('credential', 'status'), 'inactive');
  assert.equal((await signed(stage, pair, url)).problem, '401 APIG.0301');
  // What was got before by the user ended with it.
  assert.equal((await stage.get('/applications')).problem, '401 APIG.0301');
  const asAdmin = (method: 'PUT' | 'DELETE', path: string, body?: object) =>
    stage.send({
      method,
      url: path,
      headers: sign({ ...KEY_PAIR, method, url: path, ...(body && { body: JSON.stringify(body) }) }),
      ...(body && { payload: body }),
    });
  await asAdmin('PUT', `${base}/${pair.access}`, { credential: { status: 'active', description: '' } });
  assert.equal((await signed(stage, pair, url)).status, 200);
  assert.equal((await asAdmin('DELETE', `${base}/${pair.access}`)).status, 204);
  assert.equal((await signed(stage, pair, url)).problem, '401 APIG.0301');
  assert.equal((await asAdmin('DELETE', `${base}/${pair.access}`)).problem, '404 IAM.0004');
});

test("others' keys are unknown, and nobody makes keys for others but an administrator", async (t) => {
  const stage = await openStage(t);
  const token = await stage.tokenOf('svcstg_developer');
  const ann = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    stage.send({ method, url, headers: { 'x-auth-token': token }, ...(payload && { payload }) });
  assert.equal((await ann('GET', `${base}/${KEY_PAIR.access}`)).problem, '404 IAM.0004');
  assert.equal((await ann('DELETE', `${base}/${KEY_PAIR.access}`)).problem, '404 IAM.0004');
  assert.equal((await ann('GET', `${base}?user_id=${stage.admin}`)).problem, '403 IAM.0002');
  const forOther = await ann('POST', base, { credential: { user_id: stage.admin } });
  assert.equal(forOther.problem, '403 IAM.0002');
  const own = await ann('POST', base, { credential: { description: 'mine' } });
  assert.equal(own.status, 201);
  // A key has its user's roles, no more.
  const url = stage.at('/applications');
  const asAnn = (method: 'GET' | 'POST', address: string, body?: string) =>
    stage.send({
      method,
      url: address,
      headers: {
        ...sign({ ...pairIn(own), method, url: address, ...(body !== undefined && { body }) }),
        'content-type': 'application/json',
      },
      ...(body !== undefined && { payload: body }),
    });
  assert.equal((await asAnn('GET', url)).status, 200);
  assert.equal((await asAnn('POST', '/v3/users', '{"user":{"name":"bob"}}')).problem, '403 403');
  const nobody = await stage.send({ method: 'GET', url: base });
  assert.equal(nobody.problem, '401 APIG.0301');
});

test('a temporary key comes from a token in body or header, or from a signature, and makes no permanent one', async (t) => {
  let now = Date.now();
  const stage = await openStage(t, { now: () => now });
  const url = '/v3.0/OS-CREDENTIAL/securitytokens';
  const body = (token?: object) => ({ auth: { identity: { methods: ['token'], ...(token && { token }) } } });
  const inBody = await stage.send({
    method: 'POST',
    url,
    payload: body({ id: stage.token, duration_seconds: 1200 }),
  });
  assert.equal(inBody.status, 201, inBody.raw);
  assert.equal(Date.parse(inBody.text('credential', 'expires_at')), now + 1_200_000);
  const inHeader = await stage.request('POST', url, body({ duration_seconds: 900 }));
  assert.equal(inHeader.status, 201, inHeader.raw);
  const text = JSON.stringify(body());
  const bySignature = await stage.send({
    method: 'POST',
    url,
    headers: sign({ ...KEY_PAIR, method: 'POST', url, body: text, time: now }),
    payload: text,
  });
  assert.equal(bySignature.status, 201, bySignature.raw);
  for (const answer of [inBody, inHeader, bySignature]) {
    const pair = pairIn(answer);
    const headers = { 'x-security-token': answer.text('credential', 'securitytoken') };
    const use = (method: 'GET' | 'POST', address: string, payload?: string) =>
      stage.send({
        method,
        url: address,
        headers: sign({
          ...pair,
          method,
          url: address,
          headers,
          time: now,
          ...(payload !== undefined && { body: payload }),
        }),
        ...(payload !== undefined && { payload }),
      });
    assert.equal((await use('GET', stage.at('/applications'))).status, 200);
    assert.equal((await use('POST', base, '{"credential":{}}')).problem, '403 IAM.0002');
    // From it another one, that does not outlive it.
    now += 600_000;
    const next = await use('POST', url, JSON.stringify(body({ duration_seconds: 86_400 })));
    assert.equal(next.at('credential', 'expires_at'), answer.at('credential', 'expires_at'));
    now -= 600_000;
  }
  const refusals: readonly [object, string][] = [
    [body({ id: 'made-up' }), '401 APIG.0301'],
    [body(), '401 APIG.0301'],
    [{}, '401 APIG.0301'],
  ];
  for (const [payload, problem] of refusals)
    assert.equal((await stage.send({ method: 'POST', url, payload })).problem, problem);
  const identity = { methods: ['token'], token: { id: stage.token } };
  for (const wrong of [
    { ...identity, methods: ['assume_role'] },
    { ...identity, token: { id: stage.token, duration_seconds: 899 } },
    { ...identity, policy: { Version: '1.1', Statement: [] } },
  ])
    assert.equal(
      (await stage.send({ method: 'POST', url, payload: { auth: { identity: wrong } } })).problem,
      '400 IAM.0011',
    );
});
