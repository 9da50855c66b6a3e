import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertFlavor, flavors, limitsOf } from '../../src/domain/flavor.ts';

const MIB = 1024 ** 2;

test('every flavor of the list is a limit, but for the placeholder', () => {
  assert.deepEqual(
    flavors.filter(({ custom }) => !custom).map(({ flavorId }) => limitsOf(flavorId)),
    [
      [500, 1],
      [1000, 2],
      [2000, 4],
      [4000, 8],
      [4000, 16],
    ].map(([cpuMillis, gib]) => ({ cpuMillis, memoryBytes: Number(gib) * 1024 * MIB })),
  );
  assert.throws(() => limitsOf('CUSTOM-XG:X-X:X-X'), /is not known; expected one of MICRO.*or an own size/);
});

test('an own size counts cores in C, and m as cores where it is small or has a decimal point, else as thousandths', () => {
  for (const [id, cpuMillis, mib] of [
    ['CUSTOM-10G:0.5C-0.25C:1.6Gi-0.8Gi', 500, 1638.4],
    ['CUSTOM-1G:2C-1C:2Gi-1Gi', 2000, 2048],
    ['CUSTOM-1G:0.5m-0.25m:0.5Gi-0.5Gi', 500, 512],
    ['CUSTOM-1G:250m-100m:1Gi-1Gi', 250, 1024],
    ['CUSTOM-1G:2m-1m:1Gi-1Gi', 2000, 1024],
    ['CUSTOM-1G:1.5C-500m:1.25Gi-1Gi', 1500, 1280],
  ] as const)
    assert.deepEqual(limitsOf(id), { cpuMillis, memoryBytes: Math.round(mib * MIB) }, id);
});

test('an own size that gives nothing, or is written otherwise, is refused with an example', () => {
  for (const id of [
    'CUSTOM-10G:0C-0C:1Gi-1Gi',
    'CUSTOM-10G:1C-1C:0Gi-0Gi',
    'CUSTOM-10G:1C:1Gi',
    'CUSTOM-10G:1-1:1Gi-1Gi',
    'CUSTOM-10G:-1C-1C:1Gi-1Gi',
    'custom-10G:1C-1C:1Gi-1Gi',
    '',
  ])
    assert.throws(() => limitsOf(id), /such as CUSTOM-10G:0\.5C-0\.25C:1\.6Gi-0\.8Gi/);
});

test('an own size whose initial part exceeds its limit is refused, for CPU and for memory, in whichever units', () => {
  for (const id of ['CUSTOM-10G:0.1C-2C:1Gi-1Gi', 'CUSTOM-10G:250m-1C:1Gi-1Gi', 'CUSTOM-10G:1C-1C:1Gi-1.5Gi'])
    assert.throws(() => assertFlavor(id), /asks for more at first than it allows at most/, id);
  for (const id of ['MICRO-5G:0.5C:1G', 'CUSTOM-10G:0.5C-500m:1Gi-1Gi']) assertFlavor(id);
});
