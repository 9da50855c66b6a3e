import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHost } from '../../../src/git/open-host.ts';
import { recordedHost } from '../recorded-host.ts';

const cart = { namespace: 'shop', project: 'cart' };
const repository = {
  name: 'cart',
  full_name: 'shop/cart',
  clone_url: 'https://git.example.org/shop/cart.git',
};
const next = (url: string) => ({ link: `<${url}>; rel="next", <${url}>; rel="last"` });

test('GitHub: each operation asks what its REST API knows', async (t) => {
  const recorded = await recordedHost(t);
  const host = openHost(recorded.reach, {
    api: 'github',
    host: recorded.url,
    userName: 'ann',
    credential: { kind: 'token', token: 'ghp-secret' },
  });
  const root = '/api/v3/repos/shop/cart';

  recorded.expect({
    ask: 'GET /api/v3/user',
    answer: { login: 'ann', html_url: 'https://git.example.org/ann', avatar_url: 'https://a.example/1' },
  });
  assert.deepEqual(await host.account(), {
    userName: 'ann',
    home: 'https://git.example.org/ann',
    avatar: 'https://a.example/1',
  });
  assert.equal(recorded.seen[0]?.authorization, 'Bearer ghp-secret');
  assert.equal(recorded.seen[0]?.['x-github-api-version'], '2022-11-28');

  recorded.expect(
    {
      ask: 'GET /api/v3/user/orgs?per_page=100&page=1',
      answer: [{ login: 'shop' }],
      headers: next(`${recorded.url}/api/v3/user/orgs?per_page=100&page=2`),
    },
    { ask: 'GET /api/v3/user/orgs?per_page=100&page=2', answer: [{ login: 'tools' }] },
  );
  assert.deepEqual(
    (await host.namespaces()).map(({ name }) => name),
    ['ann', 'shop', 'tools'],
  );

  recorded.expect(
    { ask: 'GET /api/v3/orgs/shop', answer: { login: 'shop' } },
    { ask: 'GET /api/v3/orgs/shop/repos?per_page=100&page=1', answer: [repository] },
    { ask: 'GET /api/v3/orgs/bob', status: 404, answer: { message: 'Not Found' } },
    { ask: 'GET /api/v3/users/bob/repos?per_page=100&page=1', answer: [] },
    {
      ask: 'GET /api/v3/user/repos?per_page=100&page=1',
      answer: [repository, { name: 'own', full_name: 'ann/own', clone_url: 'u' }],
    },
  );
  const known = { id: 'cart', name: 'cart', cloneUrl: repository.clone_url };
  assert.deepEqual(await host.projects('shop'), [known]);
  assert.deepEqual(await host.projects('bob'), []);
  assert.deepEqual(
    (await host.projects('ann')).map(({ name }) => name),
    ['own'],
  );

  recorded.expect(
    {
      ask: 'POST /api/v3/orgs/shop/repos',
      sent: { name: 'cart', private: true },
      status: 201,
      answer: repository,
    },
    { ask: 'POST /api/v3/user/repos', sent: { name: 'own', private: true }, status: 201, answer: repository },
    { ask: `GET ${root}`, answer: repository },
    { ask: `GET ${root}`, answer: repository },
  );
  assert.deepEqual(await host.createProject('shop', 'cart'), known);
  await host.createProject('Ann', 'own');
  const detail = {
    namespace: { id: 'shop', name: 'shop' },
    project: { id: 'cart', name: 'cart' },
    cloneUrl: repository.clone_url,
  };
  assert.deepEqual(await host.findProject('shop/cart'), detail);
  assert.deepEqual(await host.project(cart), detail);

  const commit = { sha: 'c0ffee', commit: { message: 'first', author: { date: '2026-01-01T00:00:00Z' } } };
  recorded.expect(
    { ask: `GET ${root}/branches?per_page=100&page=1`, answer: [{ name: 'main' }, { name: 'a/b' }] },
    { ask: `GET ${root}/tags?per_page=100&page=1`, answer: [{ name: 'v1' }] },
    { ask: `GET ${root}/commits?per_page=100&sha=a%2Fb&page=1`, answer: [commit] },
    { ask: `GET ${root}/commits?per_page=100&page=1`, answer: [] },
  );
  assert.deepEqual(await host.branches(cart), ['main', 'a/b']);
  assert.deepEqual(await host.tags(cart), ['v1']);
  assert.deepEqual(await host.commits(cart, 'a/b'), [
    { sha: 'c0ffee', message: 'first', authoredDate: '2026-01-01T00:00:00Z' },
  ]);
  assert.deepEqual(await host.commits(cart), []);

  recorded.expect(
    { ask: `GET ${root}/commits/main`, answer: { sha: 'c0ffee' } },
    {
      ask: `POST ${root}/git/tags`,
      sent: { tag: 'v2', message: 'two', object: 'c0ffee', type: 'commit' },
      status: 201,
      answer: { sha: '7a90' },
    },
    { ask: `POST ${root}/git/refs`, sent: { ref: 'refs/tags/v2', sha: '7a90' }, status: 201, answer: {} },
    { ask: `GET ${root}/commits/main`, answer: { sha: 'c0ffee' } },
    { ask: `POST ${root}/git/refs`, sent: { ref: 'refs/tags/v3', sha: 'c0ffee' }, status: 201, answer: {} },
    { ask: `DELETE ${root}/git/refs/tags/v2`, status: 204 },
  );
  await host.createTag(cart, { name: 'v2', ref: 'main', description: 'two' });
  await host.createTag(cart, { name: 'v3', ref: 'main', description: '' });
  await host.deleteTag(cart, 'v2');

  const config = { url: 'https://o.example/h', content_type: 'json', secret: 'shh', insecure_ssl: '0' };
  recorded.expect(
    {
      ask: `POST ${root}/hooks`,
      sent: { name: 'web', active: true, events: ['push'], config },
      status: 201,
      answer: { id: 7, config: { ...config, secret: '********' } },
    },
    { ask: `GET ${root}/hooks?per_page=100&page=1`, answer: [{ id: 7, config: { url: config.url } }] },
    { ask: `DELETE ${root}/hooks/7`, status: 204 },
  );
  const hook = { id: '7', callbackUrl: config.url };
  assert.deepEqual(await host.createHook(cart, { url: config.url, secret: 'shh' }), hook);
  assert.deepEqual(await host.hooks(cart), [hook]);
  await host.deleteHook(cart, '7');

  const file = '/contents/conf/app%201.yml';
  const edit = { path: 'conf/app 1.yml', branch: 'main', message: 'm' };
  recorded.expect(
    {
      ask: `GET ${root}/git/trees/main?recursive=1`,
      answer: {
        truncated: false,
        tree: [
          { path: 'conf', type: 'tree' },
          { path: 'conf/app 1.yml', type: 'blob' },
        ],
      },
    },
    {
      ask: `GET ${root}${file}?ref=main`,
      answer: { path: 'conf/app 1.yml', sha: '4c29', encoding: 'base64', content: 'cG9y\ndA==\n' },
    },
    // Above a megabyte the answer holds no content.
    {
      ask: `GET ${root}/contents/big?ref=main`,
      answer: { path: 'big', sha: 'b16', encoding: 'none', content: '' },
    },
    { ask: `GET ${root}/git/blobs/b16`, answer: { content: 'YmlnCg==\n', encoding: 'base64' } },
    {
      ask: `PUT ${root}${file}`,
      sent: { branch: 'main', message: 'm', content: 'eA==' },
      status: 201,
      answer: {},
    },
    {
      ask: `PUT ${root}${file}`,
      sent: { branch: 'main', message: 'm', content: 'eQ==', sha: '4c29' },
      answer: {},
    },
    { ask: `DELETE ${root}${file}`, sent: { branch: 'main', message: 'm', sha: '4c29' }, answer: {} },
  );
  assert.deepEqual(await host.tree(cart, 'main'), ['conf/app 1.yml']);
  assert.deepEqual(await host.file(cart, 'conf/app 1.yml', 'main'), {
    path: 'conf/app 1.yml',
    sha: '4c29',
    content: 'cG9ydA==',
  });
  assert.equal((await host.file(cart, 'big', 'main')).content, 'YmlnCg==');
  await host.createFile(cart, edit, 'eA==');
  await host.updateFile(cart, edit, { content: 'eQ==', sha: '4c29' });
  await host.deleteFile(cart, edit, '4c29');
  recorded.done();
});
