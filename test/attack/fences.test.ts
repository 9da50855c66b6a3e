import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aHost, aPlatform, mayAttack } from './stage.ts';

test('a host tells its fences, and one that is left out is told as missing', async (t) => {
  if (!mayAttack(t)) return;
  const fenced = await aHost(t).driver();
  const lackOf = (seen: readonly { readonly fence: string; readonly lack?: string }[], fence: string) =>
    seen.find((each) => each.fence === fence)?.lack;
  assert.equal(lackOf(fenced.fences(), 'users'), undefined);
  assert.equal(lackOf(fenced.fences(), 'memory'), undefined);
  const open = await aHost(t, ['users']).driver();
  assert.equal(lackOf(open.fences(), 'users'), 'switched off by a test');
  assert.equal(lackOf(open.fences(), 'memory'), undefined);
});

test('a platform tells the fences of its host where readiness is asked for in detail', async (t) => {
  if (!mayAttack(t)) return;
  const { platform } = await aPlatform(t, ['mounts']);
  const answer = await fetch(`${platform.httpUrl}/readyz?verbose`);
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  const told: { readonly fences: readonly { readonly name: string; readonly in_force: boolean }[] } =
    JSON.parse(body);
  assert.equal(told.fences.find(({ name }) => name === 'users')?.in_force, true);
  assert.equal(told.fences.find(({ name }) => name === 'mounts')?.in_force, false);
});
