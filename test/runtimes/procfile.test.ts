import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { launchByLine, startArgv, webLine } from '../../src/runtimes/procfile.ts';
import type { BuildContext } from '../../src/runtimes/runtime.ts';
import { writeFiles } from '../builders/files.ts';
import { aDirectory } from './running.ts';

async function aBuild(context: TestContext): Promise<BuildContext> {
  const buildDir = await aDirectory(context);
  const script = (path: string, first: string) => ({ path, content: Buffer.from(`${first}\n`), mode: 0o755 });
  await writeFiles(
    [
      script('package/bin/serve', '#!/bin/bash'),
      script('package/tools/greet', '#!/bin/bash'),
      script('venv/bin/gunicorn', `#!${join(buildDir, 'venv/bin/python')}`),
      { path: 'package/plain.txt', content: Buffer.from('') },
    ],
    buildDir,
  );
  const run = () => Promise.reject(new Error('nothing is built here'));
  return {
    buildDir,
    dir: join(buildDir, 'package'),
    fileName: 'a.zip',
    form: 'procfile',
    executables: new Map(),
    run,
  };
}

const launch = (build: BuildContext, line: string) =>
  launchByLine(build, 'The Procfile', line, [join(build.dir, 'tools'), join(build.buildDir, 'venv/bin')], {
    env: { NAME: 'value' },
    portVariables: [],
    runtimeVersion: 'Test 1',
  });

test('a command of the package is named below the release, which may lie anywhere', async (context) => {
  const build = await aBuild(context);
  const { argv, cwd, env } = await launch(build, 'bin/serve --port $PORT');
  assert.deepEqual(argv, ['{{releaseDir}}/package/bin/serve', '--port', '{{port}}']);
  assert.equal(cwd, '{{releaseDir}}/package');
  assert.match(
    env['PATH'] ?? '',
    /^\{\{releaseDir\}\}\/package\/tools:\{\{releaseDir\}\}\/venv\/bin:.*\/usr\/bin/,
  );
  assert.equal(env['NAME'], 'value');
});

test('a bare command is looked for in the package first', async (context) => {
  const { argv } = await launch(await aBuild(context), 'greet world');
  assert.deepEqual(argv, ['{{releaseDir}}/package/tools/greet', 'world']);
});

test('a script whose interpreter belongs to the build is started through it', async (context) => {
  const { argv } = await launch(await aBuild(context), 'gunicorn app:app');
  assert.deepEqual(argv, ['{{releaseDir}}/venv/bin/python', '{{releaseDir}}/venv/bin/gunicorn', 'app:app']);
});

test('a line with shell syntax runs under bash as it stands', async (context) => {
  const bash = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash'].find((path) =>
    existsSync(path),
  );
  const line = 'bin/serve "$NAME" && echo $PORT';
  const started = launch(await aBuild(context), line);
  if (bash !== undefined) assert.deepEqual((await started).argv, [bash, '-c', line]);
  else await assert.rejects(started, /needs bash, which is not on this host/);
});

test('where bash is missing, a line with shell syntax is refused with what needs it, and any other line is not', async (context) => {
  const build = await aBuild(context);
  const start = (line: string) => startArgv(build, 'The Procfile', line, [], ['/nowhere/bash']);
  await assert.rejects(start('bin/serve $NAME'), {
    code: 'packageUnusable',
    message:
      'The Procfile holds "$NAME", which needs bash, which is not on this host; install bash, or ' +
      'write a command without shell syntax (words, quotes and $PORT).',
  });
  assert.deepEqual(await start('bin/serve $PORT'), ['{{releaseDir}}/package/bin/serve', '{{port}}']);
});

test('a command that is nowhere is named', async (context) => {
  const build = await aBuild(context);
  await assert.rejects(
    launch(build, 'no-such-command a'),
    /The Procfile starts "no-such-command", which is neither in the package nor on this host/,
  );
  await assert.rejects(
    launch(build, './plain.txt'),
    /not an executable file of the package.*chmod \+x \.\/plain\.txt/,
  );
});

test('the web line is found among others, with its end of line cut', async (context) => {
  const dir = await aDirectory(context);
  await writeFiles(
    [{ path: 'Procfile', content: Buffer.from('release: a\r\nweb:  node a.js  \r\nworker: b\r\n') }],
    dir,
  );
  assert.equal(await webLine(dir), 'node a.js');
});

test('a package without a Procfile has no web line', async (context) => {
  assert.equal(await webLine(await aDirectory(context)), undefined);
});
