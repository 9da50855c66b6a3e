import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUserByName, updateUser } from '../../src/store/users.ts';
import { findDomainByName } from '../../src/store/projects.ts';
import { openStage, PASSWORD, type Stage } from './stage.ts';

const signIn = (
  password: string,
  scope?: object,
  user: object = { name: 'admin', domain: { name: 'openstage' } },
) => ({
  auth: {
    identity: { methods: ['password'], password: { user: { ...user, password } } },
    ...(scope && { scope }),
  },
});

const send = (stage: Stage, body: object, query = '', source = '127.0.0.1') =>
  stage.send({ method: 'POST', url: `/v3/auth/tokens${query}`, payload: body, remoteAddress: source });

async function disableAdmin(stage: Stage): Promise<void> {
  const domain = await findDomainByName(stage.store.read, 'openstage');
  assert.ok(domain);
  const user = await findUserByName(stage.store.read, domain.id, 'admin');
  assert.ok(user);
  await stage.store.write((tx) => updateUser(tx, user.id, { isEnabled: false }));
}

test('a password gives a token for a project, by its name or id', async (t) => {
  const stage = await openStage(t);
  for (const project of [
    { name: 'local' },
    { id: stage.project },
    { name: 'local', domain: { name: 'openstage' } },
  ]) {
    const answer = await send(stage, signIn(PASSWORD, { project, domain: { name: 'openstage' } }));
    assert.equal(answer.status, 201, answer.raw);
    assert.equal(answer.at('token', 'project', 'id'), stage.project);
    assert.equal(answer.at('token', 'domain'), undefined);
    const token = String(answer.headers['x-subject-token']);
    const used = await stage.send({
      method: 'GET',
      url: stage.at('/applications'),
      headers: { 'x-auth-token': token },
    });
    assert.equal(used.status, 200);
  }
});

test('times have six digits, and the token lives for a day', async (t) => {
  const stage = await openStage(t);
  const answer = await send(stage, signIn(PASSWORD, { project: { name: 'local' } }));
  const [issued, expires] = [answer.text('token', 'issued_at'), answer.text('token', 'expires_at')];
  assert.match(expires, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(Date.parse(expires) - Date.parse(issued), 24 * 3_600_000);
});

test('the catalog names this very address; nocatalog leaves it out', async (t) => {
  const stage = await openStage(t);
  const whole = await stage.send({
    method: 'POST',
    url: '/v3/auth/tokens',
    headers: { host: 'stage.example.org:7443' },
    payload: signIn(PASSWORD, { project: { name: 'local' } }),
  });
  const entry = whole.at('token', 'catalog', 0);
  assert.equal(Object(entry).type, 'servicestage');
  assert.equal(
    whole.at('token', 'catalog', 0, 'endpoints', 0, 'url'),
    `http://stage.example.org:7443/v2/${stage.project}`,
  );
  assert.equal(whole.at('token', 'catalog', 0, 'endpoints', 0, 'region'), 'local');
  const short = await send(stage, signIn(PASSWORD, { project: { name: 'local' } }), '?nocatalog=true');
  assert.deepEqual(short.at('token', 'catalog'), []);
});

test('without a scope the token is for the domain, and a project refuses it', async (t) => {
  const stage = await openStage(t);
  for (const scope of [undefined, {}, { domain: { name: 'openstage' } }, { project: {} }]) {
    const answer = await send(stage, signIn(PASSWORD, scope));
    assert.equal(answer.status, 201, answer.raw);
    assert.equal(answer.at('token', 'domain', 'name'), 'openstage');
    assert.equal(answer.at('token', 'project'), undefined);
    const token = String(answer.headers['x-subject-token']);
    const used = await stage.send({
      method: 'GET',
      url: stage.at('/applications'),
      headers: { 'x-auth-token': token },
    });
    assert.equal(used.problem, '403 APIG.0302');
  }
});

test('what is wrong is told in Keystone form, alike for a wrong user, domain or password', async (t) => {
  const stage = await openStage(t);
  const wrongs = [
    signIn('wrong'),
    signIn(PASSWORD, undefined, { name: 'nobody', domain: { name: 'openstage' } }),
    signIn(PASSWORD, undefined, { name: 'admin', domain: { name: 'elsewhere' } }),
    signIn(PASSWORD, undefined, { id: '0' }),
  ];
  const answers = [];
  for (const body of wrongs) answers.push(await send(stage, body));
  for (const answer of answers) {
    assert.deepEqual(answer.body, answers[0]?.body);
    assert.equal(answer.problem, '401 401');
    assert.equal(answer.at('error', 'title'), 'Unauthorized');
    assert.equal(answer.headers['x-subject-token'], undefined);
  }
  const unknown = await send(stage, signIn(PASSWORD, { project: { name: 'elsewhere' } }));
  assert.equal(unknown.problem, '404 404');
});

test('bad bodies are 400 in Keystone form and never repeat the password', async (t) => {
  const stage = await openStage(t);
  const bodies = [
    {},
    { auth: 5 },
    { auth: { identity: { methods: [] } } },
    { auth: { identity: { methods: ['password'] } } },
    { auth: { identity: { methods: ['totp', 'password'] } } },
    {
      auth: {
        identity: { methods: ['password'], password: { user: { name: 'admin', password: 12345678 } } },
      },
    },
    { auth: { identity: { methods: ['password'], password: { user: { password: PASSWORD } } } } },
    signIn(PASSWORD, { project: 'local' }),
    signIn('x'.repeat(2000)),
  ];
  for (const body of bodies) {
    const answer = await send(stage, body);
    assert.equal(answer.problem, '400 400', JSON.stringify(body));
    assert.ok(!answer.raw.includes('12345678') && !answer.raw.includes('xxxx'));
  }
});

test('repeated failures slow down whoever guesses, from all of its network, and keep no right password out', async (t) => {
  const stage = await openStage(t);
  const from = (password: string, address: string) => send(stage, signIn(password), '', address);
  for (let n = 0; n < 5; n += 1) assert.equal((await from('wrong', `127.0.${n}.1`)).status, 401);
  const flood = Array.from({ length: 60 }, (_, n) => from(`guess-${n}`, `127.1.0.${n}`));
  // Before it was ever checked, and in the midst of guesses from the same place.
  const first = from(PASSWORD, '10.0.0.9');
  assert.equal((await first).status, 201);
  // Known by now, it waits for nobody, wherever it comes from.
  const started = await Promise.race([from(PASSWORD, '127.0.0.1'), Promise.all(flood)]);
  assert.ok(!Array.isArray(started), 'a right password waited for sixty guesses');
  assert.equal(started.status, 201);
  const refused = (await Promise.all(flood)).filter(({ problem }) => problem === '429 429');
  assert.ok(refused.length >= 40, `${refused.length} of 60 were refused`);
  assert.ok(refused.every(({ headers }) => Number(headers['retry-after']) > 0));
});

test('a right password that was never checked gets its turn behind the guesses', async (t) => {
  const stage = await openStage(t);
  for (let n = 0; n < 5; n += 1) assert.equal((await send(stage, signIn('wrong'))).status, 401);
  assert.equal((await send(stage, signIn(PASSWORD))).status, 201);
});

test('a disabled user gets 403 with the right password', async (t) => {
  const stage = await openStage(t);
  await disableAdmin(stage);
  assert.equal((await send(stage, signIn(PASSWORD))).problem, '403 403');
  assert.equal((await send(stage, signIn('wrong'))).problem, '401 401');
});

test('a token can be looked at and ended', async (t) => {
  const stage = await openStage(t);
  const given = await send(stage, signIn(PASSWORD, { project: { name: 'local' } }));
  const token = String(given.headers['x-subject-token']);
  const headers = { 'x-auth-token': stage.token, 'x-subject-token': token };
  const shown = await stage.send({ method: 'GET', url: '/v3/auth/tokens', headers });
  assert.deepEqual([shown.status, shown.headers['x-subject-token']], [200, token]);
  assert.deepEqual(shown.at('token', 'expires_at'), given.at('token', 'expires_at'));
  assert.equal((await stage.send({ method: 'HEAD', url: '/v3/auth/tokens', headers })).status, 200);
  assert.equal((await stage.send({ method: 'DELETE', url: '/v3/auth/tokens', headers })).status, 204);
  assert.equal((await stage.send({ method: 'GET', url: '/v3/auth/tokens', headers })).problem, '404 404');
  const used = await stage.send({
    method: 'GET',
    url: stage.at('/applications'),
    headers: { 'x-auth-token': token },
  });
  assert.equal(used.problem, '401 APIG.0301');
});

test('projects are found by exact name, also with a slash at the end', async (t) => {
  const stage = await openStage(t);
  await stage.neighbour();
  for (const url of ['/v3/projects?name=local', '/v3/projects/?name=local', '/v3/auth/projects?name=local']) {
    const answer = await stage.request('GET', url);
    assert.deepEqual(answer.each('projects', 'id'), [stage.project], url);
  }
  assert.deepEqual((await stage.request('GET', '/v3/projects?name=loc')).at('projects'), []);
  assert.equal((await stage.request('GET', '/v3/projects')).each('projects', 'id').length, 2);
  assert.equal((await stage.request('GET', `/v3/projects/${stage.project}`)).at('project', 'name'), 'local');
  assert.deepEqual((await stage.request('GET', '/v3/auth/domains')).each('domains', 'name'), ['openstage']);
  assert.deepEqual((await stage.request('GET', '/v3/regions')).each('regions', 'id'), ['local']);
  const nobody = await stage.send({ method: 'GET', url: '/v3/projects' });
  assert.equal(nobody.problem, '401 401');
});
