import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';
import { aComponent, instanceBody } from '../api/builders.ts';
import { openStage, type Stage } from '../api/stage.ts';
import { until } from '../api/until.ts';
import { gitCaller } from './git-caller.ts';
import { served } from '../api/end-job.ts';
import { findCloneCredential } from '../../src/git/clone-credential.ts';
import { systemClock } from '../../src/jobs/clock.ts';
import { PushFollower } from '../../src/reconcile/push-follower.ts';
import { findGitea, startGitea, type Gitea } from './gitea.ts';

const SECRET = 'a secret of the hook';
const silent = { info: () => {}, warn: () => {} };
const base64 = (text: string) => Buffer.from(text).toString('base64');

async function stageWith(t: TestContext, gitea: Gitea): Promise<Stage> {
  const stage = await openStage(t, {
    git: { reach: { allow: parseFetchAllow(`127.0.0.1:${gitea.port}`) } },
  });
  const made = await gitCaller(stage).post('/auths/gitlab/personal', {
    name: 'gt-ann',
    token: gitea.token,
    host: `${gitea.url}/`,
  });
  assert.equal(made.status, 200, made.raw);
  return stage;
}

const program = findGitea();

if (program !== undefined) {
  let server: Promise<Gitea> | undefined;
  const theServer = () => (server ??= startGitea(program));
  after(async () => (await server)?.stop());

  test('a personal token makes an authorization that tells of its user, and never of its token', async (t) => {
    const gitea = await theServer();
    const stage = await stageWith(t, gitea);
    const { get, post, delete: remove } = gitCaller(stage);
    const list = await get('/auths');
    assert.equal(list.at('count'), 1);
    assert.partialDeepStrictEqual(list.at('authorizations', 0), {
      name: 'gt-ann',
      repo_type: 'gitlab',
      repo_host: gitea.url,
      repo_home: `${gitea.url}/ann`,
      repo_user: 'ann',
      token_type: 'personal',
      status: 0,
      tag: null,
    });
    const again = await post('/auths/GitHub/personal', { name: 'gt-ann', token: 'x', host: gitea.url });
    assert.equal(again.problem, '400 SVCSTG.REPO.0403');
    const wrong = await post('/auths/GitHub/personal', {
      name: 'wrong',
      token: 'nope-nope',
      host: gitea.url,
    });
    assert.equal(wrong.problem, '400 SVCSTG.REPO.0451');
    assert.doesNotMatch(wrong.raw, /nope-nope/);
    const pairs = [
      { name: 'pw-1', user: gitea.user, password: gitea.password, host: gitea.url },
      { name: 'pw-2', token: base64(`${gitea.user}:${gitea.password}`), host: gitea.url },
    ];
    for (const body of pairs) {
      const made = await post('/auths/GitHub/password', body);
      assert.equal(made.at('authorization', 'repo_type'), 'github', made.raw);
      assert.equal(made.at('authorization', 'token_type'), 'password');
      assert.equal(made.at('authorization', 'repo_user'), 'ann');
      const own = gitCaller(stage, body.name);
      assert.equal((await own.get('/repos/namespaces')).at('namespaces', 0, 'name'), 'ann');
      assert.equal((await remove(`/auths/${body.name}`)).status, 204);
    }
    assert.equal((await remove('/auths/pw-1')).problem, '404 SVCSTG.REPO.0404');
    for (const secret of [gitea.token, gitea.password, 'nope-nope'])
      assert.ok(!stage.logged.join('\n').includes(secret), 'the log holds a secret');
  });

  test('namespaces, repositories, branches, tags, commits and hooks of a real server', async (t) => {
    const gitea = await theServer();
    const stage = await stageWith(t, gitea);
    const git = gitCaller(stage, 'gt-ann');
    await gitea.api('POST', '/orgs', { username: 'shop' });
    const namespaces = await git.get('/repos/namespaces');
    assert.deepEqual(namespaces.at('namespaces'), [
      { id: 'ann', name: 'ann' },
      { id: 'shop', name: 'shop' },
    ]);
    const cart = { id: 'cart', name: 'cart', clone_url: `${gitea.url}/shop/cart.git` };
    assert.deepEqual((await git.post('/repos/shop/projects', { name: 'cart' })).body, cart);
    assert.equal((await git.post('/repos/ann/projects', { name: 'own' })).status, 200);
    const again = await git.post('/repos/shop/projects', { name: 'cart' });
    assert.equal(again.problem, '400 SVCSTG.REPO.0403', again.raw);
    assert.deepEqual((await git.get('/repos/shop/projects')).at('projects'), [cart]);
    assert.deepEqual((await git.get('/repos/ann/projects')).each('projects', 'name'), ['own']);
    const info = await git.get(
      `/repos/project-info?clone_url=${encodeURIComponent(`${gitea.url}/shop/cart.git`)}`,
    );
    assert.deepEqual(info.body, {
      namespace_id: 'shop',
      namespace: 'shop',
      project_id: 'cart',
      project: 'cart',
    });

    const first = { message: 'first', content: base64('port: 8080\n') };
    const written = await git.post('/files/shop/cart/conf:app.yml?ref=main', first);
    assert.deepEqual(written.body, { path: 'conf/app.yml' }, written.raw);
    assert.deepEqual((await git.get('/repos/shop/cart/branches')).at('branches'), ['main']);
    assert.equal((await git.get('/repos/shop/cart/commits')).at('commits', 0, 'message'), 'first\n');
    const tagged = await git.post('/repos/shop/cart/tags?ref=main', { name: 'v1.0', description: 'one' });
    assert.deepEqual(tagged.body, { name: 'v1.0' }, tagged.raw);
    const twice = await git.post('/repos/shop/cart/tags?ref=main', { name: 'v1.0', description: 'one' });
    assert.equal(twice.problem, '400 SVCSTG.REPO.0403');
    assert.deepEqual((await git.get('/repos/shop/cart/tags')).at('tags'), ['v1.0']);
    assert.equal((await git.delete('/repos/shop/cart/tags/v1.0')).status, 204);
    assert.deepEqual((await git.get('/repos/shop/cart/tags')).at('tags'), []);
    assert.equal((await git.delete('/repos/shop/cart/tags/v1.0')).problem, '404 SVCSTG.REPO.0404');

    const url = 'http://127.0.0.1:9/elsewhere';
    const hook = await git.post('/repos/shop/cart/hooks', { url, secret: SECRET });
    assert.equal(hook.at('callback_url'), url);
    assert.equal(hook.at('type'), 'gitlab');
    assert.deepEqual((await git.get('/repos/shop/cart/hooks')).at('hooks'), [hook.body]);
    assert.equal((await git.delete(`/repos/shop/cart/hooks/${hook.text('id')}`)).status, 204);
    assert.deepEqual((await git.get('/repos/shop/cart/hooks')).at('hooks'), []);
    assert.equal((await git.get('/repos/shop/none/branches')).problem, '404 SVCSTG.REPO.0404');
  });

  test('a file of a real server is read, changed by the hash that was read, and deleted', async (t) => {
    const gitea = await theServer();
    const stage = await stageWith(t, gitea);
    const git = gitCaller(stage, 'gt-ann');
    await git.post('/repos/ann/projects', { name: 'files' });
    const file = '/files/ann/files/src:deep:größe 1.txt';
    const created = await git.post(`${file}?ref=main`, { message: 'a', content: base64('one') });
    assert.equal(created.at('path'), 'src/deep/größe 1.txt', created.raw);
    assert.equal(
      (await git.post(`${file}?ref=main`, { message: 'a', content: base64('one') })).problem,
      '400 SVCSTG.REPO.0403',
    );
    const read = await git.get(`${file}?ref=main`);
    assert.equal(read.at('encoding'), 'base64');
    assert.equal(Buffer.from(read.text('content'), 'base64').toString(), 'one');
    const change = { message: 'b', content: base64('two'), sha: read.text('sha') };
    assert.equal((await git.put(`${file}?ref=main`, change)).status, 200);
    const stale = await git.put(`${file}?ref=main`, { ...change, content: base64('three') });
    assert.equal(stale.problem, '400 SVCSTG.REPO.0400', stale.raw);
    await git.post('/files/ann/files/a.txt?ref=main', { message: 'c', content: base64('') });
    const tree = await git.get('/files/ann/files/trees?ref=main');
    assert.deepEqual(tree.at('paths'), ['a.txt', 'src/deep/größe 1.txt']);
    const now = await git.get(`${file}?ref=main`);
    assert.equal(Buffer.from(now.text('content'), 'base64').toString(), 'two');
    assert.equal((await git.delete(`${file}?ref=main&message=d`)).problem, '400 SVCSTG.REPO.0400');
    const gone = await git.delete(`${file}?ref=main&message=d&sha=${now.text('sha')}`);
    assert.equal(gone.status, 204, gone.raw);
    assert.equal((await git.get(`${file}?ref=main`)).problem, '404 SVCSTG.REPO.0404');
    assert.equal((await git.get('/files/ann/files/a.txt')).problem, '400 SVCSTG.REPO.0400', 'no ref');
  });

  test('git itself is let into a private repository by what an authorization gives it, and not without', async (t) => {
    const gitea = await theServer();
    const stage = await stageWith(t, gitea);
    const pair = { name: 'pw', user: gitea.user, password: gitea.password, host: gitea.url };
    await gitCaller(stage).post('/auths/github/password', pair);
    const git = gitCaller(stage, 'gt-ann');
    await git.post('/repos/ann/projects', { name: 'hidden' });
    await git.post('/files/ann/hidden/a?ref=main', { message: 'a', content: base64('1') });
    const repoUrl = `${gitea.url}/ann/hidden.git`;
    const { store, key, now, newNonce } = stage.services;
    const parts = { store, key, now, newNonce, reach: { allow: [] }, hosts: {} };
    const heads = async (...options: string[]) => {
      const env = { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null' };
      const { stdout } = await promisify(execFile)('git', [...options, 'ls-remote', '--heads', repoUrl], {
        env,
      });
      return stdout;
    };
    await assert.rejects(heads());
    for (const name of ['gt-ann', 'pw']) {
      const { user, password } = await findCloneCredential(parts, { project: stage.project, name, repoUrl });
      const basic = base64(`${user}:${password}`);
      assert.match(await heads('-c', `http.extraHeader=Authorization: Basic ${basic}`), /refs\/heads\/main/);
    }
    const elsewhere = { project: stage.project, name: 'pw', repoUrl: 'http://127.0.0.1:1/ann/hidden.git' };
    await assert.rejects(findCloneCredential(parts, elsewhere), { code: 'gitAuthInvalid' });
  });

  test('a push to a real server has what is built from its branch upgraded, and a hook that was deleted does not', async (t) => {
    const gitea = await theServer();
    const stage = await stageWith(t, gitea);
    const git = gitCaller(stage, 'gt-ann');
    await git.post('/repos/ann/projects', { name: 'pushed' });
    const write = (path: string) =>
      git.post(`/files/ann/pushed/${path}?ref=main`, { message: path, content: base64('1') });
    await write('first');
    const { httpPort } = await stage.api.listen();
    const source = {
      kind: 'code',
      spec: {
        repo_type: 'GitLab',
        repo_url: `${gitea.url}/ann/pushed.git`,
        repo_ref: 'main',
        repo_auth: 'gt-ann',
      },
    };
    const at = await aComponent(stage, 'pushed', { source });
    const { artifacts: _, ...body } = instanceBody;
    await served(stage, await stage.post(at, body));

    const url = `http://127.0.0.1:${httpPort}/v1/${stage.project}/git/push/pushed`;
    const weak = await git.post('/repos/ann/pushed/hooks', { url, secret: 'short' });
    assert.equal(weak.problem, '400 SVCSTG.REPO.0400');
    const hook = await git.post('/repos/ann/pushed/hooks', { url, secret: SECRET });
    assert.equal(hook.at('callback_url'), url, hook.raw);
    await write('second');
    await until(async () => (await git.get('/push/pushed')).at('delivery_time') !== null);
    assert.match((await git.get('/push/pushed')).text('delivery'), /^A push to main; 1 instance follows\.$/);
    await new PushFollower({ services: stage.services, clock: systemClock, log: silent }).look();
    const upgraded = await stage.get(`${at}`);
    assert.equal(upgraded.at('instances', 0, 'status_detail', 'status'), 'UPGRADING');
    assert.equal((await git.delete(`/repos/ann/pushed/hooks/${hook.text('id')}`)).status, 204);
    assert.equal((await git.get('/push/pushed')).problem, '404 SVCSTG.REPO.0404');
  });
}
