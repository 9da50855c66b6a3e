import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status, type StatusInput } from '../../src/domain/instance.ts';

const idle = (changes: Partial<StatusInput>): string =>
  status({
    wanted: 'running',
    activity: undefined,
    replicas: 3,
    everServed: true,
    health: { healthy: 3, observable: true },
    ...changes,
  });

test('an idle instance reads what was observed, never what was asked for', () => {
  const healthy = (count: number) => ({ health: { healthy: count, observable: true } });
  assert.equal(idle({}), 'RUNNING');
  assert.equal(idle(healthy(2)), 'PARTIALLY_FAILED');
  assert.equal(idle(healthy(0)), 'DOWN');
  assert.equal(idle({ ...healthy(0), everServed: false }), 'FAILED');
  assert.equal(idle({ health: { healthy: 3, observable: false } }), 'UNKNOWN');
  assert.equal(idle({ ...healthy(0), wanted: 'stopped' }), 'STOPPED');
  assert.equal(idle({ ...healthy(0), replicas: 0 }), 'STOPPED');
  assert.equal(idle({ wanted: 'deleted' }), 'FAILED');
});

test('while a job is open its kind is the word, whatever was observed', () => {
  for (const [activity, word] of [
    ['creating', 'INITIALIZING'],
    ['changing', 'UPGRADING'],
    ['rollingBack', 'UPGRADING'],
    ['scaling', 'UPGRADING'],
    ['starting', 'STARTING'],
    ['stopping', 'STOPPING'],
    ['restarting', 'RESTARTING'],
    ['deleting', 'DELETING'],
  ] as const)
    assert.equal(idle({ activity, health: { healthy: 0, observable: false } }), word);
});
