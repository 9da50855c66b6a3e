import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkUrl, gitHosts, packages } from '../../src/connections/destination.ts';
import { parseFetchAllow } from '../../src/connections/fetch-allow.ts';

test('a refusal speaks of what was asked for, and says what permits it', () => {
  const ask = (purpose: typeof gitHosts) => () => checkUrl('http://127.0.0.1:3000/x', [], purpose);
  assert.throws(
    ask(packages),
    /^Problem: Packages are not fetched from 127\.0\.0\.1: .*=127\.0\.0\.1:3000\.$/,
  );
  assert.throws(ask(gitHosts), /^Problem: Git hosts are not asked at 127\.0\.0\.1: .*=127\.0\.0\.1:3000\.$/);
  assert.ok(checkUrl('http://127.0.0.1:3000/x', parseFetchAllow('127.0.0.1:3000'), gitHosts));
});
