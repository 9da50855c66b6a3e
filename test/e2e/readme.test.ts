import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { missingTools } from '../builders/packages.ts';

test("the README's seven steps work as they are printed", async (t) => {
  const missing = missingTools('Tomcat8');
  if (missing.length > 0) {
    assert.notEqual(
      process.env['OPENSTAGE_TEST_ALL'],
      '1',
      `the README's package needs ${missing.join(', ')}`,
    );
    t.diagnostic(`left out: the README's package needs ${missing.join(', ')}`);
    return;
  }
  const own = await OwnPlatform.start();
  const folder = mkdtempSync(join(tmpdir(), 'openstage-readme-'));
  t.after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await own.stop();
  });
  const section = readFileSync('README.md', 'utf8').split('## The seven steps')[1]?.split('\n## ')[0] ?? '';
  const blocks = [...section.matchAll(/```bash\n(.*?)```/gs)].map(([, block = '']) => block);
  assert.equal(blocks.length, 8);
  const run = spawnSync(
    'bash',
    [
      '-euo',
      'pipefail',
      '-c',
      [`eval "$("${process.execPath}" "${resolve('bin/openstage.mjs')}" env)"`, ...blocks].join('\n'),
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, OPENSTAGE_DATA_DIR: own.dataDir },
      timeout: 4 * 60_000,
    },
  );
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  assert.match(run.stdout, /Hello from warn/);
  assert.equal(run.stdout.match(/"EXECUTION_STATUS":"SUCCEEDED"/g)?.length, 4);
});
