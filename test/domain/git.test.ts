import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloneCredential, hostAddress, repositoryKey, repositoryPath } from '../../src/domain/git.ts';

test('one repository has one key, however its address is written', () => {
  const key = 'git.example.org/shop/cart';
  for (const address of [
    'https://git.example.org/shop/cart.git',
    'https://git.example.org/shop/cart',
    'http://GIT.example.org/Shop/Cart.git/',
    'ssh://git@git.example.org:2222/shop/cart.git',
    'git@git.example.org:shop/cart.git',
  ]) {
    assert.equal(repositoryKey(address), key, address);
  }
  assert.equal(repositoryKey('http://127.0.0.1:3000/shop/cart'), '127.0.0.1:3000/shop/cart');
  for (const nothing of ['', 'cart', 'https://git.example.org/']) {
    assert.equal(repositoryKey(nothing), undefined, nothing);
  }
});

test('a host is kept as its bare base address, and what is none is refused', () => {
  assert.equal(hostAddress('https://10.0.0.5:8080/gitlab/'), 'https://10.0.0.5:8080/gitlab');
  assert.equal(hostAddress('git.example.org'), 'https://git.example.org');
  for (const bad of [
    'ftp://git.example.org',
    'https://ann:pw@git.example.org',
    'https://git.example.org?token=1',
    'https://git.example.org/#x',
    'https://',
    'not a host',
  ]) {
    assert.throws(() => hostAddress(bad), { code: 'gitInvalid' }, bad);
  }
});

test('git is given the user name that each host wants beside a token', () => {
  const token = { kind: 'token', token: 't' } as const;
  const users = (['github', 'gitlab', 'bitbucket', 'gitee', 'gitea'] as const).map(
    (api) => cloneCredential(api, 'ann', token).user,
  );
  assert.deepEqual(users, ['x-access-token', 'oauth2', 'x-token-auth', 'ann', 'ann']);
  const own = { kind: 'password', user: 'domain/tenant', password: 'p' } as const;
  assert.deepEqual(cloneCredential('devcloud', 'ann', own), { user: 'domain/tenant', password: 'p' });
});

test('a credential is good for repositories of its own host and for no others', () => {
  const host = 'https://git.example.org/lab';
  assert.equal(repositoryPath(host, 'https://git.example.org/lab/shop/cart.git'), 'shop/cart');
  assert.equal(repositoryPath(host, 'https://git.example.org/lab/shop/web/cart'), 'shop/web/cart');
  for (const elsewhere of [
    'https://evil.example/lab/shop/cart.git',
    'http://git.example.org/lab/shop/cart.git',
    'https://git.example.org:8443/lab/shop/cart.git',
    'https://git.example.org/shop/cart.git',
    'https://git.example.org/lab/../shop/cart.git',
    'https://git.example.org/lab/%2e%2e/shop/cart.git',
    'https://git.example.org@evil.example/lab/shop/cart.git',
    'https://ann:x@git.example.org/lab/shop/cart.git',
    'https://git.example.org/lab',
    'ssh://git.example.org/lab/shop/cart.git',
    'file:///lab/shop/cart.git',
  ]) {
    assert.equal(repositoryPath(host, elsewhere), undefined, elsewhere);
  }
  const devcloud = 'https://devcloud.huaweicloud.com';
  assert.equal(repositoryPath(devcloud, 'https://codehub.eu.huaweicloud.com/a/b.git'), 'a/b');
  assert.equal(repositoryPath(devcloud, 'https://evilhuaweicloud.com/a/b.git'), undefined);
});
