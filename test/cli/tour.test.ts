import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('the tour performs the seven steps, loses no request to a broken upgrade, and leaves nothing running', (t) => {
  // A folder of this run alone: other tours of the machine are none of its business.
  const folder = mkdtempSync(join(tmpdir(), 'openstage-of-this-tour-'));
  chmodSync(folder, 0o711);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tour = spawnSync(process.execPath, ['bin/run.mjs', 'src/cli/tour/tour.ts'], {
    encoding: 'utf8',
    timeout: 180_000,
    env: { ...process.env, TMPDIR: folder },
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
  const left = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(folder));
  assert.deepEqual(left.map(commandOf), []);
  assert.deepEqual(readdirSync(folder), [], 'the tour left files behind');
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
