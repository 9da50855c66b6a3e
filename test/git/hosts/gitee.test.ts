import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHost } from '../../../src/git/open-host.ts';
import { recordedHost } from '../recorded-host.ts';

const repository = {
  name: 'The Cart',
  path: 'cart',
  full_name: 'shop/cart',
  html_url: 'https://git.example.org/shop/cart',
};

test('Gitee: where it differs from the ways of GitHub', async (t) => {
  const recorded = await recordedHost(t);
  const host = openHost(recorded.reach, {
    api: 'gitee',
    host: recorded.url,
    userName: 'ann',
    credential: { kind: 'token', token: 'gitee-secret' },
  });
  const cart = { namespace: 'shop', project: 'cart' };
  const root = '/api/v5/repos/shop/cart';

  recorded.expect(
    {
      ask: 'GET /api/v5/user/orgs?per_page=100&page=1',
      answer: [{ login: 'shop' }],
      headers: { total_page: '2' },
    },
    {
      ask: 'GET /api/v5/user/orgs?per_page=100&page=2',
      answer: [{ login: 'tools' }],
      headers: { total_page: '2' },
    },
    { ask: 'GET /api/v5/orgs/shop', answer: { login: 'shop' } },
    { ask: 'GET /api/v5/orgs/shop/repos?per_page=100&page=1', answer: [repository] },
  );
  assert.deepEqual(
    (await host.namespaces()).map(({ id }) => id),
    ['ann', 'shop', 'tools'],
  );
  // The credential is never part of an address.
  assert.equal(recorded.seen[0]?.authorization, 'Bearer gitee-secret');
  assert.deepEqual(await host.projects('shop'), [
    { id: 'cart', name: 'cart', cloneUrl: 'https://git.example.org/shop/cart.git' },
  ]);

  const url = 'https://o.example/h';
  recorded.expect(
    {
      ask: `POST ${root}/tags`,
      sent: { tag_name: 'v2', refs: 'main', tag_message: 'two' },
      status: 201,
      answer: {},
    },
    { ask: `DELETE ${root}/tags/v2`, status: 204 },
    {
      ask: `POST ${root}/hooks`,
      sent: { url, password: 'shh', encryption_type: 1, push_events: true },
      status: 201,
      answer: { id: 7, url },
    },
    { ask: `GET ${root}/hooks?per_page=100&page=1`, answer: [{ id: 7, url }] },
    {
      ask: `POST ${root}/contents/a.txt`,
      sent: { branch: 'main', message: 'm', content: 'eA==' },
      status: 201,
      answer: {},
    },
    {
      ask: `PUT ${root}/contents/a.txt`,
      sent: { branch: 'main', message: 'm', content: 'eQ==', sha: '4c29' },
      answer: {},
    },
    { ask: `DELETE ${root}/contents/a.txt?branch=main&message=m&sha=4c29`, answer: {} },
  );
  const edit = { path: 'a.txt', branch: 'main', message: 'm' };
  await host.createTag(cart, { name: 'v2', ref: 'main', description: 'two' });
  await host.deleteTag(cart, 'v2');
  assert.equal((await host.createHook(cart, { url, secret: 'shh' })).id, '7');
  assert.deepEqual(await host.hooks(cart), [{ id: '7', callbackUrl: url }]);
  await host.createFile(cart, edit, 'eA==');
  await host.updateFile(cart, edit, { content: 'eQ==', sha: '4c29' });
  await host.deleteFile(cart, edit, '4c29');
  recorded.done();
});
