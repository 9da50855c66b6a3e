import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloneCredential, hostAddress, repositoryKey } from '../../src/domain/git.ts';

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
