import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { fetchAddress } from '../../src/domain/package-address.ts';

const properties = { endpoint: 'https://obs.example.org', bucket: 'pkg', key: 'cart/cart 1.4#a.jar' };

test('a package in a bucket is fetched from endpoint, bucket and key, in path style', () => {
  const at = (url: string, more: object = properties) => fetchAddress({ url, properties: { ...more } });
  const expected = 'https://obs.example.org/pkg/cart/cart%201.4%23a.jar';
  assert.equal(at('obs://pkg/cart/cart-1.4.jar'), expected);
  assert.equal(at('OBS://x', { ...properties, endpoint: 'obs.example.org/' }), expected);
  assert.equal(
    at('obs://pkg/a/b.zip', { endpoint: 'http://127.0.0.1:9000' }),
    'http://127.0.0.1:9000/pkg/a/b.zip',
  );
  assert.equal(at('https://obs.example.org/a.jar'), 'https://obs.example.org/a.jar');
});

test('an address that is not complete is refused with what is missing', () => {
  for (const more of [{}, { endpoint: '' }, { endpoint: 7 }, { endpoint: 'https://' }]) {
    assert.throws(
      () => fetchAddress({ url: 'obs://pkg/a.jar', properties: more }),
      (error) =>
        error instanceof Problem && error.code === 'invalid' && /endpoint, bucket, key/.test(error.message),
    );
  }
  assert.throws(() => fetchAddress({ url: 'obs://', properties: { endpoint: 'obs.example.org' } }), Problem);
});
