import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('the tour performs the seven steps, loses no request to a broken upgrade, and leaves nothing running', () => {
  const tour = spawnSync(process.execPath, ['bin/run.mjs', 'src/cli/tour/tour.ts'], {
    encoding: 'utf8',
    timeout: 180_000,
  });
  assert.equal(tour.status, 0, `${tour.stdout}${tour.stderr}`);
  for (const step of [
    '1. Create a component',
    '2. Create a component instance',
    '3. Follow',
    '4. Upgrade',
    '5. List',
    '6. Roll back',
    '7. Stop',
  ]) {
    assert.ok(tour.stdout.includes(step), `the tour does not show "${step}"`);
  }
  assert.match(tour.stdout, /the setting DATABASE_HOST is missing/);
  assert.match(tour.stdout, /requests during the broken upgrade, 0 failed/);
  assert.equal(tour.stderr, '');
  const left = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && commandOf(name).includes('openstage-tour-'),
  );
  assert.deepEqual(left.map(commandOf), []);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
