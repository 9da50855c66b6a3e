import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';
import { openStage } from '../api/stage.ts';
import { gitCaller } from './git-caller.ts';
import { recordedHost } from './recorded-host.ts';

const app = { clientId: 'client-1', clientSecret: 'app-secret', redirectUri: 'https://console.example/back' };
const notGitea = { ask: 'GET /api/v1/version', status: 404 };

test('calls without the header, with an unknown authorization or an unknown type get the codes of the contract', async (t) => {
  const stage = await openStage(t);
  const git = gitCaller(stage);
  assert.deepEqual((await git.get('/auths')).body, { authorizations: [], count: 0 });
  assert.equal((await git.get('/repos/namespaces')).problem, '400 SVCSTG.REPO.0450');
  assert.equal((await gitCaller(stage, 'none').get('/repos/namespaces')).problem, '400 SVCSTG.REPO.0451');
  const wrongTypes = [
    ['/auths/svn/personal', { name: 'a', token: 'x' }],
    ['/auths/bitbucket/personal', { name: 'a', token: 'x' }],
    ['/auths/gitlab/password', { name: 'a', user: 'u', password: 'p' }],
    ['/auths/devcloud/oauth', { name: 'a', code: 'c', state: 's' }],
    // Not registered there.
    ['/auths/github/oauth', { name: 'a', code: 'c', state: 's' }],
  ] as const;
  for (const [path, body] of wrongTypes)
    assert.equal((await git.post(path, body)).problem, '400 SVCSTG.REPO.0401', path);
  const bad = [
    { name: 'no spaces', token: 'x' },
    { token: 'x' },
    { name: 'a', token: 7 },
    { name: 'a', token: 'x', host: 'ftp://git.example.org' },
  ];
  for (const body of bad)
    assert.equal((await git.post('/auths/github/personal', body)).problem, '400 SVCSTG.REPO.0400');
  for (const body of [{ name: 'a' }, { name: 'a', user: 'u' }, { name: 'a', token: 'bm9jb2xvbg==' }])
    assert.equal((await git.post('/auths/github/password', body)).problem, '400 SVCSTG.REPO.0400');
  assert.equal((await git.delete('/auths/none')).problem, '404 SVCSTG.REPO.0404');
});

test('a private host is asked only where the operator permits it, and is told of in the refusal', async (t) => {
  const stage = await openStage(t);
  const asked = { name: 'a', token: 'glpat-secret', host: 'http://127.0.0.1:3000' };
  const refused = await gitCaller(stage).post('/auths/gitlab/personal', asked);
  assert.equal(refused.problem, '400 SVCSTG.REPO.0400');
  assert.match(refused.text('error_msg'), /loopback address.*OPENSTAGE_FETCH_ALLOW=127\.0\.0\.1:3000/);
  assert.doesNotMatch(refused.raw + stage.logged.join(), /glpat-secret/);
});

test('DevCloud is authorized for cloning, and says that it can do no more', async (t) => {
  const stage = await openStage(t);
  const git = gitCaller(stage, 'dc');
  const made = await git.post('/auths/DevCloud/password', {
    name: 'dc',
    user: 'dom/ann',
    password: 'pw-secret',
  });
  assert.equal(made.at('authorization', 'repo_user'), 'dom/ann', made.raw);
  assert.equal(made.at('authorization', 'repo_type'), 'devcloud');
  const refused = await git.get('/repos/namespaces');
  assert.equal(refused.problem, '400 SVCSTG.REPO.0401');
  assert.match(refused.text('error_msg'), /serve to clone/);
});

test('a consent is good once, for the user and type that asked, for ten minutes; its token is renewed before it ends', async (t) => {
  const recorded = await recordedHost(t);
  let now = 1_767_225_600_000;
  const hosts = { gitlab: { host: recorded.url, app }, github: { host: recorded.url, app } };
  const stage = await openStage(t, { git: { reach: recorded.reach, hosts }, now: () => now });
  const git = gitCaller(stage);
  const consent = async (query = '') => {
    recorded.expect(notGitea);
    const answer = await git.get(`/auths/GitLab/redirect${query}`);
    const url = new URL(answer.text('url'));
    assert.equal(`${url.origin}${url.pathname}`, `${recorded.url}/oauth/authorize`);
    assert.equal(url.searchParams.get('client_id'), app.clientId);
    assert.equal(url.searchParams.get('redirect_uri'), app.redirectUri);
    assert.doesNotMatch(url.href, /app-secret/);
    return url.searchParams.get('state') ?? '';
  };
  const use = (state: string, path = '/auths/gitlab/oauth', name = 'gl') => {
    recorded.expect(notGitea);
    return git.post(path, { name, code: 'code-1', state });
  };
  const refusedState = '400 SVCSTG.REPO.0402';

  assert.equal((await use('made up')).problem, refusedState);
  assert.equal((await use(await consent(), '/auths/github/oauth')).problem, refusedState, 'another type');
  assert.equal((await use(await consent('?tag=intl'))).problem, refusedState, 'another tag');
  const late = await consent();
  now += 10 * 60_000;
  assert.equal((await use(late)).problem, refusedState, 'too late');

  const badCode = await consent();
  recorded.expect(notGitea, { ask: 'POST /oauth/token', status: 400, answer: { error: 'invalid_grant' } });
  assert.equal(
    (await git.post('/auths/gitlab/oauth', { name: 'gl', code: 'old', state: badCode })).problem,
    refusedState,
  );
  assert.equal((await use(badCode)).problem, refusedState, 'used up');

  const state = await consent('?tag=intl');
  recorded.expect(
    notGitea,
    {
      ask: 'POST /oauth/token',
      sent: 'code=code-1',
      answer: { access_token: 'token-1', refresh_token: 'refresh-1', expires_in: 7200 },
    },
    { ask: 'GET /api/v4/user', answer: { username: 'ann', web_url: 'u' } },
  );
  const made = await git.post('/auths/gitlab/oauth?tag=intl', { name: 'gl', code: 'code-1', state });
  assert.equal(made.at('authorization', 'token_type'), 'oauth', made.raw);
  assert.equal((await git.get('/auths')).at('authorizations', 0, 'tag'), 'intl');
  assert.equal(recorded.seen.at(-1)?.authorization, 'Bearer token-1');

  const own = gitCaller(stage, 'gl');
  const namespaces = { ask: 'GET /api/v4/namespaces?per_page=100&page=1', answer: [] };
  now += 7_200_000 - 30_000;
  recorded.expect(
    {
      ask: 'POST /oauth/token',
      sent: 'refresh_token=refresh-1',
      answer: { access_token: 'token-2', refresh_token: 'refresh-2', expires_in: 7200 },
    },
    namespaces,
    namespaces,
  );
  // At once: a refresh token is good for one use.
  const both = await Promise.all([own.get('/repos/namespaces'), own.get('/repos/namespaces')]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  );
  assert.equal(recorded.seen.at(-1)?.authorization, 'Bearer token-2');

  now += 7_200_000;
  recorded.expect({ ask: 'POST /oauth/token', sent: 'refresh_token=refresh-2', status: 400, answer: {} });
  assert.equal((await own.get('/repos/namespaces')).problem, '400 SVCSTG.REPO.0451');
  assert.equal((await git.get('/auths')).at('authorizations', 0, 'status'), 1);
  recorded.done();
  const rows = await stage.store.read.selectFrom('git_authorizations').selectAll().execute();
  for (const secret of ['token-1', 'token-2', 'refresh-2', 'app-secret', 'code-1', state])
    assert.ok(!(JSON.stringify(rows) + stage.logged.join()).includes(secret), secret);
});

test('an authorization of another project is unknown', async (t) => {
  const recorded = await recordedHost(t);
  const stage = await openStage(t, { git: { reach: recorded.reach } });
  recorded.expect(notGitea, { ask: 'GET /api/v4/user', answer: { username: 'ann' } });
  const body = { name: 'gl', token: 'glpat-secret', host: recorded.url };
  assert.equal((await gitCaller(stage).post('/auths/gitlab/personal', body)).status, 200);
  const { project, token } = await stage.neighbour();
  const ask = (method: 'GET' | 'DELETE', path: string) =>
    stage.send({
      method,
      url: `/v1/${project}/git${path}`,
      headers: { 'x-auth-token': token, 'x-repo-auth': 'gl' },
    });
  assert.equal((await ask('GET', '/auths')).at('count'), 0);
  assert.equal((await ask('GET', '/repos/namespaces')).problem, '400 SVCSTG.REPO.0451');
  assert.equal((await ask('DELETE', '/auths/gl')).problem, '404 SVCSTG.REPO.0404');
});

test('in paths ":" is "/", and nothing in them climbs to another call of the host', async (t) => {
  const recorded = await recordedHost(t);
  const stage = await openStage(t, { git: { reach: recorded.reach } });
  recorded.expect(notGitea, { ask: 'GET /api/v4/user', answer: { username: 'ann' } });
  const body = { name: 'gl', token: 'glpat-secret', host: recorded.url };
  await gitCaller(stage).post('/auths/gitlab/personal', body);
  const git = gitCaller(stage, 'gl');
  recorded.expect({
    ask: 'GET /api/v4/projects/shop%2Fweb%2Fcart/repository/branches?per_page=100&page=1',
    answer: [{ name: 'main' }],
  });
  assert.deepEqual((await git.get('/repos/shop:web/cart/branches')).at('branches'), ['main']);
  recorded.expect({
    ask: 'GET /api/v4/projects/shop%2Fcart/repository/files/conf%2Fapp.yml?ref=a%2Fb',
    answer: { file_path: 'conf/app.yml', content: 'eA==', last_commit_id: 'c0ffee' },
  });
  const file = await git.get('/files/shop/shop:cart/conf:app.yml?ref=a/b');
  assert.deepEqual(file.body, { path: 'conf/app.yml', sha: 'c0ffee', encoding: 'base64', content: 'eA==' });
  for (const path of [
    '/repos/shop/..:..:user/branches',
    '/repos/%2e%2e/cart/branches',
    '/repos/shop:/cart/projects',
    '/files/shop/cart/a:..:..:b?ref=main',
  ])
    assert.match((await git.get(path)).problem, /^40[04] /, path);
  recorded.done();
  const elsewhere = await git.get('/repos/project-info?clone_url=https://evil.example/shop/cart.git');
  assert.equal(elsewhere.problem, '400 SVCSTG.REPO.0452');
  assert.equal((await git.get('/repos/project-info')).problem, '400 SVCSTG.REPO.0400');
});

test('a credential follows neither a redirect nor a next page to another origin, and a host cannot have it repeated', async (t) => {
  const stolen: string[] = [];
  const thief = createServer((request, response) => {
    stolen.push(JSON.stringify(request.headers));
    response.end('[]');
  });
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  t.after(() => thief.close());
  const address = thief.address();
  assert.ok(address !== null && typeof address === 'object');
  const away = `http://127.0.0.1:${address.port}/x`;
  const recorded = await recordedHost(t);
  const stage = await openStage(t, { git: { reach: { allow: parseFetchAllow('127.0.0.1') } } });
  recorded.expect(notGitea, { ask: 'GET /api/v4/user', answer: { username: 'ann' } });
  const body = { name: 'gl', token: 'glpat-secret', host: recorded.url };
  await gitCaller(stage).post('/auths/gitlab/personal', body);
  const git = gitCaller(stage, 'gl');
  const namespaces = 'GET /api/v4/namespaces?per_page=100&page=1';
  recorded.expect({ ask: namespaces, status: 302, headers: { location: away } });
  const redirected = await git.get('/repos/namespaces');
  assert.equal(redirected.problem, '400 SVCSTG.REPO.0400');
  assert.match(redirected.text('error_msg'), /leads to another host/);
  recorded.expect({ ask: namespaces, status: 403, answer: { message: 'no scope for glpat-secret' } });
  const forbidden = await git.get('/repos/namespaces');
  assert.match(forbidden.text('error_msg'), /no scope for \*{6}/);
  recorded.expect({ ask: namespaces, answer: '<html>' });
  assert.equal((await git.get('/repos/namespaces')).problem, '400 SVCSTG.REPO.0400');
  recorded.expect({ ask: namespaces, answer: 'x'.repeat(17 * 1024 * 1024) });
  assert.match((await git.get('/repos/namespaces')).text('error_msg'), /more than 16777216 bytes/);
  recorded.expect({ ask: namespaces, status: 401, answer: { message: '401 Unauthorized' } });
  assert.equal((await git.get('/repos/namespaces')).problem, '400 SVCSTG.REPO.0451');
  assert.equal((await git.get('/auths')).at('authorizations', 0, 'status'), 2);
  recorded.expect({ ask: namespaces, answer: [] });
  assert.deepEqual((await git.get('/repos/namespaces')).body, { namespaces: [] });
  assert.equal((await git.get('/auths')).at('authorizations', 0, 'status'), 0);
  recorded.done();
  assert.deepEqual(stolen, []);
});
