import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAccessKey, updateAccessKey } from '../../src/store/access-keys.ts';
import { KEY_PAIR, openStage, type Answer, type Stage } from './stage.ts';

const send = (stage: Stage, identity: object, scope?: object, headers = {}) =>
  stage.send({
    method: 'POST',
    url: '/v3/auth/tokens',
    headers,
    payload: { auth: { identity, ...(scope && { scope }) } },
  });

const byKey = (secret = KEY_PAIR.secret, access = KEY_PAIR.access) => ({
  methods: ['hw_ak_sk'],
  hw_ak_sk: { access: { key: access }, secret: { key: secret } },
});
const inProject = { project: { name: 'local' } };
const tokenFrom = (answer: Answer) => String(answer.headers['x-subject-token']);
const use = (stage: Stage, token: string) =>
  stage.send({ method: 'GET', url: stage.at('/applications'), headers: { 'x-auth-token': token } });

test('a token gives another one, for another scope, that ends with it', async (t) => {
  let now = Date.now();
  const stage = await openStage(t, { now: () => now });
  const first = await send(stage, { methods: ['token'], token: { id: stage.token } });
  now += 3_600_000;
  const second = await send(stage, { methods: ['token'], token: { id: tokenFrom(first) } }, inProject);
  assert.equal(second.status, 201, second.raw);
  assert.deepEqual(second.at('token', 'methods'), ['password', 'token']);
  assert.equal(second.at('token', 'expires_at'), first.at('token', 'expires_at'));
  assert.equal((await use(stage, tokenFrom(second))).status, 200);
  const inHeader = await send(stage, { methods: ['token'] }, inProject, { 'x-auth-token': stage.token });
  assert.equal(inHeader.status, 201);
  assert.equal((await send(stage, { methods: ['token'], token: { id: 'made-up' } })).problem, '401 401');
  assert.equal((await send(stage, { methods: ['token'] })).problem, '400 400');
});

test('a key in clear gives a token; wrong ones are locked as signatures are, and a right one passes', async (t) => {
  const stage = await openStage(t);
  const given = await send(stage, byKey(), inProject);
  assert.equal(given.status, 201, given.raw);
  assert.deepEqual(given.at('token', 'methods'), ['hw_ak_sk']);
  assert.equal((await use(stage, tokenFrom(given))).status, 200);
  // A signature beside it is not looked at.
  const signedToo = await send(stage, byKey(), inProject, { authorization: 'SDK-HMAC-SHA256 nonsense' });
  assert.equal(signedToo.status, 201);
  const unknown = await send(stage, byKey('x', 'AKNOBODY'));
  for (let n = 0; n < 5; n += 1) assert.deepEqual((await send(stage, byKey('wrong'))).body, unknown.body);
  const locked = await send(stage, byKey('wrong'));
  assert.equal(locked.problem, '401 401');
  assert.match(locked.text('error', 'message'), /AK access failed to reach the limit/);
  assert.equal((await send(stage, byKey())).status, 201);
});

test('a key that is put aside gives none', async (t) => {
  const stage = await openStage(t);
  await stage.store.write((tx) => updateAccessKey(tx, KEY_PAIR.access, { isActive: false }));
  assert.equal((await findAccessKey(stage.store.read, KEY_PAIR.access))?.isActive, false);
  assert.equal((await send(stage, byKey())).problem, '401 401');
});

test('ways to sign in that are not here are refused by name', async (t) => {
  const stage = await openStage(t);
  for (const [identity, says] of [
    [
      { methods: ['password', 'totp'], password: { user: { name: 'a', password: 'b' } } },
      /"totp"; users here/,
    ],
    [{ methods: ['assume_role'] }, /asks for an agency; there are none here/],
    [{ methods: ['hw_assume_role'] }, /asks for an agency/],
    [{ methods: ['saml2'] }, /holds "saml2"; expected \["password"\]/],
    [{ methods: ['hw_ak_sk'] }, /hw_ak_sk is missing/],
    [{ methods: ['password', 'token'] }, /holds 2 words; expected one/],
  ] as const) {
    const answer = await send(stage, identity);
    assert.equal(answer.problem, '400 400');
    assert.match(answer.text('error', 'message'), says);
  }
});

test('versions, catalog, services, endpoints and regions name the address by which they were asked', async (t) => {
  const stage = await openStage(t);
  const get = (url: string, token = stage.token) =>
    stage.send({
      method: 'GET',
      url,
      headers: { host: 'stage.example.org:7443', ...(token !== '' && { 'x-auth-token': token }) },
    });
  const origin = 'http://stage.example.org:7443';
  for (const url of ['/', '/v3', '/v3/']) {
    const versions = await get(url, '');
    assert.deepEqual(versions.at('versions', 'values', 0, 'links', 0), {
      rel: 'self',
      href: `${origin}/v3/`,
    });
  }
  const catalog = await get('/v3/auth/catalog');
  assert.equal(catalog.at('catalog', 0, 'endpoints', 0, 'url'), `${origin}/v2/${stage.project}`);
  const services = await get('/v3/services?type=servicestage');
  const id = services.text('services', 0, 'id');
  const endpoints = await get(`/v3/endpoints?interface=public&service_id=${id}`);
  assert.deepEqual(endpoints.each('endpoints', 'url'), [`${origin}/v2/$(tenant_id)s`]);
  assert.deepEqual((await get('/v3/endpoints?interface=admin')).at('endpoints'), []);
  const region = await get('/v3/regions/local');
  assert.deepEqual([region.at('region', 'id'), region.at('region', 'type')], ['local', 'public']);
  assert.equal((await get('/v3/regions/elsewhere')).problem, '404 404');
  const unknown = await get('/v3/auth/nothing');
  assert.equal(unknown.problem, '404 404');
  assert.equal(unknown.headers['x-iam-trace-id'], unknown.headers['x-request-id']);
});
