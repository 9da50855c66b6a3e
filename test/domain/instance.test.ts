import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activities, refusal, status, type Move, type StatusInput } from '../../src/domain/instance.ts';

const idle: StatusInput = {
  wanted: 'running',
  activity: undefined,
  replicas: 2,
  everServed: true,
  health: { healthy: 2, observable: true },
};

test('while a job is open the word tells what it is about, whatever was observed', () => {
  const words = activities.map((activity) => [
    activity,
    status({ ...idle, wanted: 'deleted', everServed: false, activity }),
  ]);
  assert.deepEqual(Object.fromEntries(words), {
    creating: 'INITIALIZING',
    changing: 'UPGRADING',
    rollingBack: 'UPGRADING',
    scaling: 'UPGRADING',
    starting: 'STARTING',
    stopping: 'STOPPING',
    restarting: 'RESTARTING',
    deleting: 'DELETING',
  });
});

test('without a job the word tells what was observed, as far as the instance is to run', () => {
  const seen = (healthy: number, observable = true) => ({ health: { healthy, observable } });
  const rows: readonly (readonly [Partial<StatusInput>, string])[] = [
    [seen(2), 'RUNNING'],
    [seen(3), 'RUNNING'],
    [seen(1), 'PARTIALLY_FAILED'],
    [seen(0), 'DOWN'],
    [seen(2, false), 'UNKNOWN'],
    [{ everServed: false, ...seen(0) }, 'FAILED'],
    [{ replicas: 0, ...seen(0) }, 'STOPPED'],
    [{ replicas: 0, ...seen(0, false) }, 'STOPPED'],
    [{ wanted: 'stopped', ...seen(0) }, 'STOPPED'],
    [{ wanted: 'deleted', ...seen(2) }, 'FAILED'],
  ];
  for (const [changes, word] of rows)
    assert.equal(status({ ...idle, ...changes }), word, JSON.stringify(changes));
});

test('what is running, stopped or marked for deletion accepts its own requests, and a refusal says what to do', () => {
  const moves: readonly Move[] = ['change', 'rollback', 'start', 'stop', 'restart', 'scale', 'delete'];
  const refused = (...at: [Parameters<typeof refusal>[1], number]) =>
    moves.filter((move) => refusal(move, ...at) !== undefined);
  assert.deepEqual(refused('running', 1), []);
  assert.deepEqual(refused('running', 0), ['start', 'restart']);
  assert.deepEqual(refused('stopped', 1), ['restart']);
  assert.deepEqual(refused('deleted', 1), ['change', 'rollback', 'start', 'stop', 'restart', 'scale']);
  assert.match(refusal('restart', 'stopped', 1) ?? '', /send the action "start" instead/);
  assert.match(refusal('start', 'running', 0) ?? '', /scale it above 0 first/);
  assert.match(refusal('stop', 'deleted', 1) ?? '', /only DELETE is accepted/);
});
