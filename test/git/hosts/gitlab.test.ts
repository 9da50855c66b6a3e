import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHost } from '../../../src/git/open-host.ts';
import { recordedHost } from '../recorded-host.ts';

const project = {
  id: 42,
  name: 'The Cart',
  path: 'cart',
  http_url_to_repo: 'https://git.example.org/shop/web/cart.git',
  namespace: { id: 9, full_path: 'shop/web' },
};
const known = { id: '42', name: 'cart', cloneUrl: project.http_url_to_repo };

test('GitLab: each operation asks what its REST API knows, by number or by whole path', async (t) => {
  const recorded = await recordedHost(t);
  const host = openHost(recorded.reach, {
    api: 'gitlab',
    host: recorded.url,
    userName: 'ann',
    credential: { kind: 'token', token: 'glpat-secret' },
  });
  const cart = { namespace: 'shop/web', project: 'cart' };
  const root = '/api/v4/projects/shop%2Fweb%2Fcart';

  recorded.expect(
    {
      ask: 'GET /api/v4/user',
      answer: { username: 'ann', web_url: 'https://git.example.org/ann', avatar_url: null },
    },
    {
      ask: 'GET /api/v4/namespaces?per_page=100&page=1',
      answer: [{ id: 9, full_path: 'shop/web', kind: 'group' }],
    },
  );
  assert.deepEqual(await host.account(), {
    userName: 'ann',
    home: 'https://git.example.org/ann',
    avatar: '',
  });
  assert.equal(recorded.seen[0]?.['private-token'], 'glpat-secret');
  assert.deepEqual(await host.namespaces(), [{ id: '9', name: 'shop/web' }]);

  recorded.expect(
    { ask: 'GET /api/v4/namespaces/9', answer: { id: 9, kind: 'group', path: 'web', full_path: 'shop/web' } },
    { ask: 'GET /api/v4/groups/shop%2Fweb/projects?per_page=100&page=1', answer: [project] },
    { ask: 'GET /api/v4/namespaces/ann', answer: { id: 3, kind: 'user', path: 'ann', full_path: 'ann' } },
    { ask: 'GET /api/v4/users/ann/projects?per_page=100&page=1', answer: [] },
    { ask: 'GET /api/v4/namespaces/ann', answer: { id: 3, kind: 'user', path: 'ann', full_path: 'ann' } },
    {
      ask: 'POST /api/v4/projects',
      sent: { name: 'cart', path: 'cart', namespace_id: 3, visibility: 'private' },
      status: 201,
      answer: project,
    },
    { ask: `GET ${root}`, answer: project },
    { ask: 'GET /api/v4/namespaces/9', answer: { id: 9, full_path: 'shop/web' } },
    { ask: `GET ${root}`, answer: project },
    { ask: 'GET /api/v4/projects/42', answer: project },
  );
  assert.deepEqual(await host.projects('9'), [known]);
  assert.deepEqual(await host.projects('ann'), []);
  assert.deepEqual(await host.createProject('ann', 'cart'), known);
  const detail = {
    namespace: { id: '9', name: 'shop/web' },
    project: { id: '42', name: 'cart' },
    cloneUrl: project.http_url_to_repo,
  };
  assert.deepEqual(await host.findProject('shop/web/cart'), detail);
  assert.deepEqual(await host.project({ namespace: '9', project: 'cart' }), detail);
  assert.deepEqual(await host.project({ namespace: '9', project: '42' }), detail);

  const commit = { id: 'c0ffee', message: 'first', authored_date: '2026-01-01T00:00:00.000+01:00' };
  recorded.expect(
    { ask: `GET ${root}/repository/branches?per_page=100&page=1`, answer: [{ name: 'main' }] },
    { ask: `GET ${root}/repository/tags?per_page=100&page=1`, answer: [{ name: 'v1' }] },
    { ask: `GET ${root}/repository/commits?per_page=100&ref_name=main&page=1`, answer: [commit] },
    {
      ask: `POST ${root}/repository/tags`,
      sent: { tag_name: 'v2', ref: 'main', message: 'two' },
      status: 201,
      answer: {},
    },
    { ask: `DELETE ${root}/repository/tags/rel%2Fv2`, status: 204 },
  );
  assert.deepEqual(await host.branches(cart), ['main']);
  assert.deepEqual(await host.tags(cart), ['v1']);
  assert.deepEqual(await host.commits(cart, 'main'), [
    { sha: 'c0ffee', message: 'first', authoredDate: '2026-01-01T00:00:00.000+01:00' },
  ]);
  await host.createTag(cart, { name: 'v2', ref: 'main', description: 'two' });
  await host.deleteTag(cart, 'rel/v2');

  const url = 'https://o.example/h';
  recorded.expect(
    {
      ask: `POST ${root}/hooks`,
      sent: { url, token: 'shh', push_events: true, enable_ssl_verification: true },
      status: 201,
      answer: { id: 7, url },
    },
    { ask: `GET ${root}/hooks?per_page=100&page=1`, answer: [{ id: 7, url }] },
    { ask: `DELETE ${root}/hooks/7`, status: 204 },
  );
  const hook = { id: '7', callbackUrl: url };
  assert.deepEqual(await host.createHook(cart, { url, secret: 'shh' }), hook);
  assert.deepEqual(await host.hooks(cart), [hook]);
  await host.deleteHook(cart, '7');

  const file = `${root}/repository/files/conf%2Fapp.yml`;
  const edit = { path: 'conf/app.yml', branch: 'main', message: 'm' };
  const written = { branch: 'main', commit_message: 'm' };
  recorded.expect(
    {
      ask: `GET ${root}/repository/tree?per_page=100&ref=main&recursive=true&page=1`,
      answer: [
        { type: 'tree', path: 'conf' },
        { type: 'blob', path: 'conf/app.yml' },
      ],
    },
    {
      ask: `GET ${file}?ref=main`,
      answer: { file_path: 'conf/app.yml', content: 'cG9ydA==', blob_id: 'b10b', last_commit_id: 'c0ffee' },
    },
    {
      ask: `POST ${file}`,
      sent: { ...written, content: 'eA==', encoding: 'base64' },
      status: 201,
      answer: {},
    },
    {
      ask: `PUT ${file}`,
      sent: { ...written, content: 'eQ==', encoding: 'base64', last_commit_id: 'c0ffee' },
      answer: {},
    },
    { ask: `DELETE ${file}`, sent: { ...written, last_commit_id: 'c0ffee' }, status: 204 },
  );
  assert.deepEqual(await host.tree(cart, 'main'), ['conf/app.yml']);
  const read = await host.file(cart, 'conf/app.yml', 'main');
  assert.deepEqual(read, { path: 'conf/app.yml', sha: 'c0ffee', content: 'cG9ydA==' });
  await host.createFile(cart, edit, 'eA==');
  await host.updateFile(cart, edit, { content: 'eQ==', sha: read.sha });
  await host.deleteFile(cart, edit, read.sha);
  recorded.done();
});
