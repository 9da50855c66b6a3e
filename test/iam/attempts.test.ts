import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from '../../src/iam/attempts.ts';

test('five failures put one user off from one source, until a minute has passed', () => {
  let now = 0;
  const attempts = new Attempts(() => now);
  for (let n = 0; n < 5; n += 1) {
    assert.equal(attempts.waitS('ann', 'here'), 0);
    attempts.failed('ann', 'here');
  }
  assert.equal(attempts.waitS('ann', 'here'), 60);
  assert.equal(attempts.waitS('ann', 'there'), 0);
  assert.equal(attempts.waitS('bob', 'here'), 0);
  now = 59_001;
  assert.equal(attempts.waitS('ann', 'here'), 1);
  now = 60_000;
  assert.equal(attempts.waitS('ann', 'here'), 0);
});

test('a success forgives', () => {
  const attempts = new Attempts(() => 0);
  for (let n = 0; n < 4; n += 1) attempts.failed('ann', 'here');
  attempts.succeeded('ann', 'here');
  attempts.failed('ann', 'here');
  assert.equal(attempts.waitS('ann', 'here'), 0);
});

test('one source cannot try many names either', () => {
  const attempts = new Attempts(() => 0);
  for (let n = 0; n < 100; n += 1) attempts.failed(`user-${n}`, 'here');
  assert.equal(attempts.waitS('ann', 'here'), 60);
  assert.equal(attempts.waitS('ann', 'there'), 0);
});

test('what is remembered stays bounded', () => {
  const attempts = new Attempts(() => 0);
  for (let n = 0; n < 5; n += 1) attempts.failed('ann', 'first');
  assert.equal(attempts.waitS('ann', 'first'), 60);
  for (let n = 0; n < 12_000; n += 1) attempts.failed('x', `source-${n}`);
  assert.equal(attempts.waitS('ann', 'first'), 0);
});
