import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, isNobodysPassword, isPassword } from '../../src/iam/passwords.ts';

test('a password is known by its hash, another is not, and no hash is like another', async () => {
  const [one, two] = await Promise.all([hashPassword('pässword'), hashPassword('pässword')]);
  assert.notEqual(one, two);
  assert.equal(await isPassword('pässword', one), true);
  // The same letters, composed in another way.
  assert.equal(await isPassword('pa\u0308ssword', one), true);
  assert.equal(await isPassword('passwort', one), false);
  assert.equal(await isPassword('', one), false);
  assert.equal(await isNobodysPassword('pässword'), false);
});

test('the parameters travel with the hash', async () => {
  assert.match(await hashPassword('x'), /^scrypt\$32768\$8\$1\$[\w+/]{22}==\$[\w+/]{43}=$/);
  const weaker = 'scrypt$2$1$1$AAAAAAAAAAAAAAAAAAAAAA==$';
  assert.equal(await isPassword('x', `${weaker}AAAA`), false);
  await assert.rejects(isPassword('x', 'md5$abc'), /hashed with "md5"; expected scrypt/);
});
