import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextBatch, type Rolling } from '../../src/domain/batches.ts';

const stands = (
  batches: { maxSurge: number; maxUnavailable: number },
  count: number,
  kept: number,
): Rolling[] => {
  const all: Rolling[] = [{ rollout: 2, ready: 0, kept }];
  for (let at = all[0]; at && at.ready < count;) {
    at = nextBatch(batches, count, at);
    all.push(at);
    assert.ok(all.length <= 2 * count + kept + 2, 'it comes to an end');
  }
  return all;
};

test('a surge of one replaces one replica at a time, the new one first', () => {
  assert.deepEqual(stands({ maxSurge: 1, maxUnavailable: 0 }, 3, 3), [
    { rollout: 2, ready: 0, kept: 3 },
    { rollout: 2, ready: 1, kept: 2 },
    { rollout: 2, ready: 2, kept: 1 },
    { rollout: 2, ready: 3, kept: 1 },
  ]);
});

test('without a surge the old one leaves first', () => {
  assert.deepEqual(stands({ maxSurge: 0, maxUnavailable: 1 }, 2, 2), [
    { rollout: 2, ready: 0, kept: 2 },
    { rollout: 2, ready: 0, kept: 1 },
    { rollout: 2, ready: 1, kept: 0 },
    { rollout: 2, ready: 2, kept: 0 },
  ]);
});

test('every update comes to its end without going above the surge or below what may be missing', () => {
  const small = fc.integer({ min: 0, max: 6 });
  fc.assert(
    fc.property(
      small,
      small,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      (surge, missing, count, before) => {
        fc.pre(surge + missing > 0);
        const all = stands({ maxSurge: surge, maxUnavailable: missing }, count, before);
        for (const [index, next] of all.entries()) {
          const last = all[index - 1];
          if (!last) continue;
          assert.ok(
            next.ready + last.kept <= Math.max(count + surge, last.ready + last.kept),
            'above the surge',
          );
          assert.ok(next.ready + next.kept >= Math.min(count, before) - missing, 'below what may be missing');
          assert.ok(next.ready >= last.ready && next.kept <= last.kept && next.kept >= 0);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
