import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { sign } from './sign.ts';
import { KEY_PAIR, openStage, type Answer, type Stage } from './stage.ts';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const as = (stage: Stage, token: string) => (method: Method, url: string, payload?: object) =>
  stage.send({ method, url, headers: { 'x-auth-token': token }, ...(payload && { payload }) });

const tokenFrom = (answer: Answer) => String(answer.headers['x-subject-token']);

function signIn(stage: Stage, name: string, password: string, scope?: object): Promise<Answer> {
  const user = { name, password, domain: { name: 'openstage' } };
  const identity = { methods: ['password'], password: { user } };
  return stage.send({
    method: 'POST',
    url: '/v3/auth/tokens',
    payload: { auth: { identity, ...(scope && { scope }) } },
  });
}

const inProject = { project: { name: 'local' } };

async function withUser(t: TestContext, role?: string) {
  const stage = await openStage(t);
  const created = await stage.request('POST', '/v3/users', {
    user: { name: 'ann', password: 'ann-likes-tea', description: 'tea', email: 'ann@example.org' },
  });
  assert.equal(created.status, 201, created.raw);
  const id = created.text('user', 'id');
  if (role !== undefined) {
    const given = await stage.request('PUT', `/v3/projects/${stage.project}/users/${id}/roles/${role}`);
    assert.equal(given.status, 204, given.raw);
  }
  return { stage, id };
}

test('an administrator makes, shows, changes and deletes users', async (t) => {
  const { stage, id } = await withUser(t);
  assert.match(id, /^[0-9a-f]{32}$/);
  const shown = await stage.request('GET', `/v3/users/${id}`);
  assert.deepEqual(
    [shown.at('user', 'name'), shown.at('user', 'enabled'), shown.at('user', 'description')],
    ['ann', true, 'tea'],
  );
  const full = await stage.request('GET', `/v3.0/OS-USER/users/${id}`);
  assert.equal(full.at('user', 'email'), 'ann@example.org');
  assert.ok(!full.raw.includes('scrypt') && !full.raw.includes('password_hash'));
  assert.deepEqual((await stage.request('GET', '/v3/users')).each('users', 'name'), ['admin', 'ann']);
  assert.deepEqual((await stage.request('GET', '/v3/users?name=ann')).each('users', 'id'), [id]);
  assert.deepEqual((await stage.request('GET', '/v3/users?enabled=false')).at('users'), []);
  const taken = await stage.request('POST', '/v3/users', { user: { name: 'ann' } });
  assert.equal(taken.problem, '409 409');
  assert.equal(taken.at('error', 'title'), 'Conflict');
  for (const user of [{ name: '' }, { name: 'bob', password: 'short' }, { name: 'bob', domain_id: 'x' }])
    assert.equal((await stage.request('POST', '/v3/users', { user })).problem, '400 400');
  const renamed = await stage.request('PATCH', `/v3/users/${id}`, {
    user: { name: 'anna', description: '' },
  });
  assert.deepEqual([renamed.at('user', 'name'), renamed.at('user', 'description')], ['anna', '']);
  assert.equal((await stage.request('DELETE', `/v3/users/${id}`)).status, 204);
  assert.equal((await stage.request('GET', `/v3/users/${id}`)).problem, '404 404');
  assert.equal((await stage.request('GET', `/v3.0/OS-USER/users/${id}`)).problem, '404 IAM.0004');
});

test('tokens of a user end when it is disabled, deleted, or given another password or key', async (t) => {
  const { stage, id } = await withUser(t, 'svcstg_developer');
  const changes: readonly [Method, string, object?][] = [
    ['PATCH', `/v3/users/${id}`, { user: { password: 'ann-likes-tea' } }],
    ['PATCH', `/v3/users/${id}`, { user: { enabled: false } }],
    ['DELETE', `/v3/users/${id}`],
  ];
  for (const [method, url, body] of changes) {
    await stage.request('PATCH', `/v3/users/${id}`, { user: { enabled: true } });
    const token = tokenFrom(await signIn(stage, 'ann', 'ann-likes-tea', inProject));
    const use = () => as(stage, token)('GET', stage.at('/applications'));
    assert.equal((await use()).status, 200);
    const { status, raw } = await stage.request(method, url, body);
    assert.ok(status < 300, raw);
    assert.equal((await use()).problem, '401 APIG.0301', `${method} ${JSON.stringify(body)}`);
  }
});

test("one changes one's own password by the one it replaces, and tries are counted", async (t) => {
  const { stage, id } = await withUser(t, 'svcstg_reader');
  const token = tokenFrom(await signIn(stage, 'ann', 'ann-likes-tea'));
  const change = (original: string) =>
    as(stage, token)('POST', `/v3/users/${id}/password`, {
      user: { password: 'ann-likes-coffee', original_password: original },
    });
  assert.equal((await change('wrong')).problem, '401 401');
  assert.equal((await change('ann-likes-tea')).status, 204);
  assert.equal((await signIn(stage, 'ann', 'ann-likes-coffee')).status, 201);
  for (let n = 0; n < 5; n += 1) assert.equal((await signIn(stage, 'ann', 'wrong')).status, 401);
  // Guesses of others keep nobody out.
  assert.equal((await signIn(stage, 'ann', 'ann-likes-coffee')).status, 201);
  assert.equal((await signIn(stage, 'ann', 'ann-likes-tea')).status, 401);
});

test('a role opens a project, its loss closes it at once, and a token without it is not given', async (t) => {
  const { stage, id } = await withUser(t);
  assert.equal((await signIn(stage, 'ann', 'ann-likes-tea', inProject)).problem, '404 404');
  const roles = `/v3/projects/${stage.project}/users/${id}/roles`;
  const listed = await stage.request('GET', '/v3/roles?name=svcstg_reader');
  const role = listed.text('roles', 0, 'id');
  assert.equal((await stage.request('PUT', `${roles}/${role}`)).status, 204);
  assert.equal((await stage.request('HEAD', `${roles}/${role}`)).status, 204);
  assert.deepEqual((await stage.request('GET', roles)).each('roles', 'name'), ['svcstg_reader']);
  const given = await signIn(stage, 'ann', 'ann-likes-tea', inProject);
  assert.deepEqual(given.at('token', 'roles'), [{ id: '0', name: 'svcstg_reader' }]);
  const ann = as(stage, tokenFrom(given));
  assert.equal((await ann('GET', stage.at('/applications'))).status, 200);
  assert.equal((await ann('POST', stage.at('/applications'), { name: 'shop' })).problem, '403 APIG.0302');
  assert.equal((await stage.request('PUT', `${roles}/svcstg_developer`)).status, 204);
  assert.equal((await ann('POST', stage.at('/applications'), { name: 'shop' })).status, 200);
  for (const one of ['svcstg_reader', 'svcstg_developer'])
    assert.equal((await stage.request('DELETE', `${roles}/${one}`)).status, 204);
  assert.equal((await ann('GET', stage.at('/applications'))).problem, '403 APIG.0302');
  assert.equal((await stage.request('DELETE', `${roles}/svcstg_reader`)).problem, '404 404');
  assert.equal((await stage.request('PUT', `${roles}/king`)).problem, '404 404');
});

test('a role of the domain counts in every project, and the last administrator stays', async (t) => {
  const { stage, id } = await withUser(t);
  const { project } = await stage.neighbour();
  const domain = (await stage.request('GET', '/v3/auth/domains')).text('domains', 0, 'id');
  const roles = (user: string) => `/v3/domains/${domain}/users/${user}/roles`;
  assert.equal((await stage.request('PUT', `${roles(id)}/svcstg_reader`)).status, 204);
  const ann = as(stage, tokenFrom(await signIn(stage, 'ann', 'ann-likes-tea', { project: { id: project } })));
  assert.equal((await ann('GET', stage.at('/applications', project))).status, 200);
  assert.equal((await ann('GET', '/v3/auth/projects')).each('projects', 'id').length, 2);
  assert.equal((await ann('PUT', `${roles(id)}/te_admin`)).problem, '403 403');
  const refusals = [
    await stage.request('DELETE', `${roles(stage.admin)}/te_admin`),
    await stage.request('PATCH', `/v3/users/${stage.admin}`, { user: { enabled: false } }),
    await stage.request('DELETE', `/v3/users/${stage.admin}`),
  ];
  for (const refused of refusals) {
    assert.equal(refused.problem, '400 400');
    assert.match(refused.text('error', 'message'), /Nobody enabled would have the role te_admin/);
  }
  assert.equal((await stage.request('PUT', `${roles(id)}/te_admin`)).status, 204);
  assert.equal((await stage.request('DELETE', `${roles(stage.admin)}/te_admin`)).status, 204);
});

test('whoever is no administrator sees and changes what is their own, and nothing of others', async (t) => {
  const { stage, id } = await withUser(t, 'svcstg_developer');
  const ann = as(stage, tokenFrom(await signIn(stage, 'ann', 'ann-likes-tea', inProject)));
  assert.deepEqual((await ann('GET', '/v3/users')).each('users', 'id'), [id]);
  assert.equal((await ann('GET', `/v3/users/${id}`)).status, 200);
  assert.deepEqual((await ann('GET', `/v3/users/${id}/projects`)).each('projects', 'id'), [stage.project]);
  assert.deepEqual((await ann('GET', '/v3/projects')).each('projects', 'id'), [stage.project]);
  const { project } = await stage.neighbour();
  for (const other of [stage.admin, 'unknown']) {
    const asked: readonly [Method, string, object?][] = [
      ['GET', `/v3/users/${other}`],
      ['GET', `/v3/users/${other}/projects`],
      ['PATCH', `/v3/users/${other}`, { user: { description: 'mine' } }],
      ['DELETE', `/v3/users/${other}`],
      ['POST', `/v3/users/${other}/password`, { user: { password: 'long enough', original_password: 'x' } }],
      ['GET', `/v3/projects/${stage.project}/users/${other}/roles`],
      ['PUT', `/v3/projects/${stage.project}/users/${other}/roles/te_admin`],
      ['POST', '/v3/projects', { project: { name: 'own' } }],
      ['POST', '/v3/users', { user: { name: 'own' } }],
    ];
    for (const [method, url, body] of asked)
      assert.equal((await ann(method, url, body)).problem, '403 403', `${method} ${url}`);
  }
  assert.equal((await ann('GET', `/v3/projects/${project}`)).problem, '404 404');
  assert.equal((await ann('GET', '/v3/projects/unknown')).problem, '404 404');
});

test('projects are made, found by name, and listed page by page', async (t) => {
  const stage = await openStage(t);
  const names = ['local_a', 'local_b', 'local_c'];
  for (const name of names) {
    const made = await stage.request('POST', '/v3/projects', { project: { name, description: name } });
    assert.equal(made.status, 201, made.raw);
    assert.equal(made.at('project', 'description'), name);
    assert.equal((await stage.get('/applications')).status, 200);
    const apps = await as(stage, stage.token)('GET', stage.at('/applications', made.text('project', 'id')));
    assert.equal(apps.problem, '403 APIG.0302');
    const url = stage.at('/applications', made.text('project', 'id'));
    assert.equal((await stage.send({ method: 'GET', url, headers: sign({ ...KEY_PAIR, url }) })).status, 200);
  }
  const again = await stage.request('POST', '/v3/projects', { project: { name: 'local_a' } });
  assert.equal(again.problem, '409 409');
  for (const project of [{ name: 'a b' }, { name: 'x', domain_id: 'y' }, {}])
    assert.equal((await stage.request('POST', '/v3/projects', { project })).problem, '400 400');
  const found: unknown[] = [];
  let next: unknown = '/v3/projects?per_page=3&page=1';
  while (typeof next === 'string') {
    const page: Answer = await stage.request('GET', next.replace(/^https?:\/\/[^/]+/, ''));
    found.push(...page.each('projects', 'name'));
    next = page.at('links', 'next');
  }
  assert.deepEqual(found.toSorted(), ['local', ...names]);
  const domain = (await stage.request('GET', '/v3/auth/domains')).text('domains', 0, 'id');
  for (const [query, count] of [
    ['name=local_b', 1],
    ['enabled=false', 0],
    ['is_domain=true', 0],
    [`domain_id=${domain}`, 4],
    ['domain_id=other', 0],
    [`parent_id=${domain}&enabled=true`, 4],
  ] as const) {
    const listed = await stage.request('GET', `/v3/projects?${query}`);
    assert.equal(listed.each('projects', 'id').length, count, query);
  }
});
