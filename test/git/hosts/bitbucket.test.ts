import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHost } from '../../../src/git/open-host.ts';
import { recordedHost } from '../recorded-host.ts';

const repository = {
  slug: 'cart',
  full_name: 'shop/cart',
  links: {
    clone: [
      { name: 'https', href: 'https://ann@bitbucket.org/shop/cart.git' },
      { name: 'ssh', href: 'git@bitbucket.org:shop/cart.git' },
    ],
  },
};
const known = { id: 'cart', name: 'cart', cloneUrl: 'https://bitbucket.org/shop/cart.git' };
const values = (...list: object[]) => ({ values: list });

test('Bitbucket: each operation asks what its REST API knows', async (t) => {
  const recorded = await recordedHost(t);
  const host = openHost(recorded.reach, {
    api: 'bitbucket',
    host: recorded.url,
    userName: 'ann',
    credential: { kind: 'password', user: 'ann', password: 'bb-secret' },
  });
  const cart = { namespace: 'shop', project: 'cart' };
  const root = '/2.0/repositories/shop/cart';

  recorded.expect(
    {
      ask: 'GET /2.0/user',
      answer: {
        username: 'ann',
        links: { html: { href: 'https://b.example/ann' }, avatar: { href: 'https://b.example/1' } },
      },
    },
    {
      ask: 'GET /2.0/workspaces?pagelen=100',
      answer: { ...values({ slug: 'shop' }), next: `${recorded.url}/2.0/workspaces?pagelen=100&page=2` },
    },
    { ask: 'GET /2.0/workspaces?pagelen=100&page=2', answer: values({ slug: 'tools' }) },
    { ask: 'GET /2.0/repositories/shop?pagelen=100', answer: values(repository) },
  );
  assert.deepEqual(await host.account(), {
    userName: 'ann',
    home: 'https://b.example/ann',
    avatar: 'https://b.example/1',
  });
  assert.equal(recorded.seen[0]?.authorization, `Basic ${Buffer.from('ann:bb-secret').toString('base64')}`);
  assert.deepEqual(
    (await host.namespaces()).map(({ id }) => id),
    ['shop', 'tools'],
  );
  assert.deepEqual(await host.projects('shop'), [known]);
  recorded.done();
  recorded.expect({
    ask: 'GET /2.0/workspaces?pagelen=100',
    answer: { ...values(), next: 'https://evil.example/2.0/workspaces?page=2' },
  });
  await assert.rejects(host.namespaces(), /leads to another host/);
  recorded.expect(
    { ask: `POST ${root}`, sent: { scm: 'git', is_private: true }, answer: repository },
    { ask: `GET ${root}`, answer: repository },
  );
  assert.deepEqual(await host.createProject('shop', 'Cart'), known);
  assert.deepEqual((await host.findProject('shop/cart')).namespace, { id: 'shop', name: 'shop' });

  const branch = { ask: `GET ${root}/refs/branches/main`, answer: { target: { hash: 'c0ffee' } } };
  const history = {
    ask: `GET ${root}/filehistory/c0ffee/a.txt?pagelen=1`,
    answer: values({ commit: { hash: '1a57' } }),
  };
  recorded.expect(
    { ask: `GET ${root}/refs/branches?pagelen=100`, answer: values({ name: 'main' }) },
    { ask: `GET ${root}/refs/tags?pagelen=100`, answer: values({ name: 'v1' }) },
    branch,
    {
      ask: `GET ${root}/commits/c0ffee?pagelen=100`,
      answer: values({ hash: 'c0ffee', message: 'first', date: '2026-01-01T00:00:00+00:00' }),
    },
    { ask: `GET ${root}/refs/branches/v1`, status: 404, answer: { error: { message: 'No such branch' } } },
    { ask: `GET ${root}/commit/v1`, answer: { hash: 'beef' } },
    {
      ask: `POST ${root}/refs/tags`,
      sent: { name: 'v2', target: { hash: 'beef' }, message: 'two' },
      status: 201,
      answer: {},
    },
    { ask: `DELETE ${root}/refs/tags/v2`, status: 204 },
  );
  assert.deepEqual(await host.branches(cart), ['main']);
  assert.deepEqual(await host.tags(cart), ['v1']);
  assert.equal((await host.commits(cart, 'main'))[0]?.authoredDate, '2026-01-01T00:00:00+00:00');
  await host.createTag(cart, { name: 'v2', ref: 'v1', description: 'two' });
  await host.deleteTag(cart, 'v2');

  const url = 'https://o.example/h';
  recorded.expect(
    {
      ask: `POST ${root}/hooks`,
      sent: { description: 'Openstage', url, secret: 'shh', active: true, events: ['repo:push'] },
      status: 201,
      answer: { uuid: '{0a7c}', url },
    },
    { ask: `GET ${root}/hooks?pagelen=100`, answer: values({ uuid: '{0a7c}', url }) },
    { ask: `DELETE ${root}/hooks/%7B0a7c%7D`, status: 204 },
  );
  const hook = { id: '0a7c', callbackUrl: url };
  assert.deepEqual(await host.createHook(cart, { url, secret: 'shh' }), hook);
  assert.deepEqual(await host.hooks(cart), [hook]);
  await host.deleteHook(cart, '0a7c');

  recorded.expect(
    branch,
    {
      ask: `GET ${root}/src/c0ffee/?pagelen=100&max_depth=100`,
      answer: values({ type: 'commit_directory', path: 'd' }, { type: 'commit_file', path: 'a.txt' }),
    },
    branch,
    { ask: `GET ${root}/src/c0ffee/a.txt`, answer: 'one' },
    history,
    branch,
    { ask: `GET ${root}/src/c0ffee/b.txt?format=meta`, status: 404 },
    { ask: `POST ${root}/src`, sent: 'name="/b.txt"', status: 201 },
    branch,
    history,
    { ask: `POST ${root}/src`, sent: 'name="parents"\r\n\r\nc0ffee', status: 201 },
    branch,
    history,
    { ask: `POST ${root}/src`, sent: 'name="files"\r\n\r\na.txt', status: 201 },
    branch,
    history,
  );
  assert.deepEqual(await host.tree(cart, 'main'), ['a.txt']);
  const read = await host.file(cart, 'a.txt', 'main');
  assert.deepEqual(read, { path: 'a.txt', sha: '1a57', content: 'b25l' });
  const edit = { path: 'a.txt', branch: 'main', message: 'm' };
  await host.createFile(cart, { ...edit, path: 'b.txt' }, 'eA==');
  await host.updateFile(cart, edit, { content: 'eQ==', sha: read.sha });
  await host.deleteFile(cart, edit, read.sha);
  await assert.rejects(host.deleteFile(cart, edit, '01d'), /the file was last changed by 1a57/);
  recorded.done();
});
