import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildStore, buildKeyOf } from '../../src/builds/build-store.ts';
import { stepsStage } from './steps-stage.ts';
import { mayAttack } from './stage.ts';

const OTHER = 264_931;

test("an application that knows where another's build lies cannot read it", async (t) => {
  if (!mayAttack(t)) return;
  const { dataDir } = stepsStage(t, true);
  const store = new BuildStore(dataDir);
  const dir = await store.ensure(buildKeyOf('the code of another'), async (place) => {
    await mkdir(join(place, 'package'));
    await writeFile(join(place, 'package', 'app.js'), 'the code of another');
  });
  const file = join(dir, 'package', 'app.js');
  const asOther = (command: string, ...words: readonly string[]) =>
    spawnSync(
      'setpriv',
      [`--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups', '--', command, ...words],
      {
        encoding: 'utf8',
      },
    );
  const { gid, mode } = await stat(dir);
  assert.ok(gid >= 0x7000_0000, `its group is ${gid}`);
  // As builds were before: whoever knew the path read it.
  await chown(dir, 0, 0);
  await chmod(dir, 0o555);
  assert.equal(asOther('cat', file).stdout, 'the code of another');
  await chown(dir, 0, gid);
  await chmod(dir, mode & 0o7777);
  assert.notEqual(asOther('cat', file).status, 0);
  assert.notEqual(asOther('ls', dir).status, 0);
  assert.notEqual(asOther('ls', join(dataDir, 'builds')).status, 0);
  const withGroup = spawnSync(
    'setpriv',
    [
      `--reuid=${OTHER}`,
      `--regid=${OTHER}`,
      `--groups=${gid}`,
      '--',
      'sh',
      '-c',
      `cat ${file}; echo x >> ${file}; echo x > ${dir}/new`,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(withGroup.stdout, 'the code of another', 'its own application reads it');
  assert.match(withGroup.stderr, /ermission denied[^]*ermission denied/, 'and changes nothing in it');
});
