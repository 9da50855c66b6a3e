import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partOf, partStamp, periodStart } from '../../src/domain/log-rule.ts';

const at = (text: string): number => Date.parse(text);

test('hours, days and weeks begin in UTC, weeks on a Monday', () => {
  const now = at('2026-11-25T16:42:07.500Z');
  assert.equal(periodStart('hourly', now), at('2026-11-25T16:00:00Z'));
  assert.equal(periodStart('daily', now), at('2026-11-25T00:00:00Z'));
  assert.equal(periodStart('weekly', now), at('2026-11-23T00:00:00Z'));
  const monday = at('2026-11-23T00:00:00Z');
  for (const rotate of ['hourly', 'daily', 'weekly'] as const) {
    assert.equal(periodStart(rotate, monday), monday);
    assert.ok(periodStart(rotate, monday - 1) < monday);
  }
});

test('an old part is told from what applications name, and knows its file', () => {
  const stamp = partStamp(at('2026-11-25T16:00:00Z'));
  assert.equal(stamp, '20261125T160000Z');
  assert.equal(partOf(`app.log.${stamp}`), 'app.log');
  for (const name of ['app.log', 'app.log.1', 'app.20261125', `.${stamp}`])
    assert.equal(partOf(name), undefined);
});
