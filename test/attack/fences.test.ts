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
  const { platform } = await aPlatform(t, ['mounts', 'confined-steps']);
  const answer = await fetch(`${platform.httpUrl}/readyz?verbose`);
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  const told: { readonly fences: readonly { readonly name: string; readonly in_force: boolean }[] } =
    JSON.parse(body);
  assert.equal(told.fences.find(({ name }) => name === 'users')?.in_force, true);
  assert.equal(told.fences.find(({ name }) => name === 'mounts')?.in_force, false);
  const ofSteps = (fences: readonly { readonly name: string; readonly in_force: boolean }[]) =>
    Object.fromEntries(
      fences.filter(({ name }) => /^step-/.test(name)).map((each) => [each.name, each.in_force]),
    );
  const none = { 'step-mounts': false, 'step-processes': false, 'step-memory': false, 'step-pids': false };
  assert.deepEqual(ofSteps(told.fences), { 'step-users': true, ...none });
  const { platform: fenced } = await aPlatform(t);
  const names = Object.keys({ 'step-users': 0, ...none });
  assert.deepEqual(
    fenced.fences.flatMap(({ fence, lack }) => (/^step-/.test(fence) && lack === undefined ? [fence] : [])),
    names,
  );
});
