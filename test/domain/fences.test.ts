import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFences, parseUnfenced } from '../../src/domain/fences.ts';

test('fences that are there and fences that are missing are told in a line each, with the reason', () => {
  assert.deepEqual(
    describeFences([{ fence: 'users' }, { fence: 'memory' }, { fence: 'kill', lack: 'why' }]),
    ['Fences in force: users, memory', 'Fences missing: kill (why)'],
  );
  assert.deepEqual(describeFences([{ fence: 'users' }]), ['Fences in force: users']);
});

test('what a test leaves out is named by words that are known', () => {
  assert.deepEqual([...parseUnfenced('users,bounded-looks')], ['users', 'bounded-looks']);
  assert.deepEqual([...parseUnfenced('')], []);
  assert.throws(() => parseUnfenced('users,walls'), /"walls" is no fence; expected some of users, memory/);
});
