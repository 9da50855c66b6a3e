import assert from 'node:assert/strict';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runtimes } from '../../src/runtimes/all.ts';
import { PackageTree } from '../../src/runtimes/package-content.ts';
import { stepsStage } from './steps-stage.ts';
import { mayAttack } from './stage.ts';

const USER = 264_921;
const SECRET = 'sEcr3t-0f-the-platform';

test('no link that a step left leads root out of a package, and no message tells what it read', async (t) => {
  if (!mayAttack(t)) return;
  const stage = stepsStage(t, true);
  const secret = join(stage.dataDir, 'admin-password');
  await writeFile(secret, SECRET, { mode: 0o600 });
  await mkdir(join(stage.dataDir, 'private'), { mode: 0o700 });
  await writeFile(join(stage.dataDir, 'private', 'package.json'), `{"main":"${SECRET}"}`, { mode: 0o600 });
  const build = join(stage.dataDir, 'build');
  const names = [
    'package.json',
    'Procfile',
    'app.jar',
    'app.war',
    'index.php',
    'app.py',
    'start.sh',
    'server.js',
  ];
  await mkdir(build);
  for (const name of names) {
    await stage.run(build, `rm -rf package; mkdir package; ln -s ${secret} package/${name}`, USER);
    const dir = join(build, 'package');
    // The attack itself: by its name, root reads it.
    assert.equal(await readFile(join(dir, name), 'utf8'), SECRET);
    const tree = new PackageTree(dir);
    assert.equal(await tree.smallText(name), undefined, name);
    assert.equal(await tree.isFile(name), false, name);
    assert.equal(await tree.open(name), undefined, name);
    for (const runtime of runtimes) {
      const message = await runtime
        .recognise({ dir, fileName: 'app.zip' })
        .catch((error: unknown) => (error instanceof Error ? error.message : ''));
      assert.ok(!/s?E?cr3t|0f-the/.test(message), `${runtime.name}: ${message}`);
    }
  }
  // By directories on the way, by links to links, and by what a parser says.
  const dir = join(build, 'package');
  await rm(dir, { recursive: true });
  await mkdir(dir);
  await symlink(join(stage.dataDir, 'private'), join(dir, 'out'));
  await symlink('out/package.json', join(dir, 'package.json'));
  await symlink('../../private/package.json', join(dir, 'up'));
  const tree = new PackageTree(dir);
  for (const path of ['out/package.json', 'package.json', 'up', '../../admin-password', '/etc/passwd'])
    assert.equal(await tree.smallText(path), undefined, path);
  await rm(join(dir, 'package.json'));
  await writeFile(join(dir, 'package.json'), `{"main": ${SECRET}`);
  const nodejs = runtimes.find(({ name }) => name === 'Nodejs8');
  await assert.rejects(
    nodejs?.recognise({ dir, fileName: 'a.zip' }) ?? Promise.resolve(),
    (error: Error) => /package\.json is not JSON/.test(error.message) && !error.message.includes('cr3t'),
  );
});

test('links within a package are followed, and what waits for a reader is not', async (t) => {
  if (!mayAttack(t)) return;
  const stage = stepsStage(t, true);
  const dir = join(stage.dataDir, 'package');
  await mkdir(dir);
  await stage.run(
    dir,
    `mkdir -p lib/bin releases/1; echo '#!/bin/sh' > lib/run; chmod +x lib/run; ln -s ../run lib/bin/run; ln -s releases/1 current; echo web: x > releases/1/Procfile; ln -s current/Procfile Procfile; mkfifo fifo; ln -s loop loop; ln -s ${dir}/lib absolute`,
    USER,
  );
  const tree = new PackageTree(dir);
  assert.equal(await tree.smallText('Procfile'), 'web: x\n');
  assert.equal(await tree.isExecutableFile('lib/bin/run'), true);
  assert.equal(await tree.isExecutableFile('absolute/bin/run'), true);
  assert.equal(await tree.smallText('fifo'), undefined);
  assert.equal(await tree.smallText('loop'), undefined);
});
