import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostName } from '../../src/domain/host-name.ts';

test('a host is made of lower-case labels of at most 63 characters, without _', () => {
  assert.equal(hostName('web', 'Shop_EU'), 'web.shop-eu.localhost');
  assert.equal(
    hostName('w'.repeat(70), `${'a'.repeat(62)}-b`),
    `${'w'.repeat(63)}.${'a'.repeat(62)}.localhost`,
  );
  assert.equal(hostName('web', '__'), 'web.x.localhost');
});

test('six characters of the id tell hosts of one name apart, within the length of a label', () => {
  assert.equal(hostName('web', 'shop', '1a2b3c'), 'web-1a2b3c.shop.localhost');
  assert.equal(hostName('w'.repeat(63), 'shop', '1a2b3c'), `${'w'.repeat(56)}-1a2b3c.shop.localhost`);
});
