import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { nodejs8 } from '../../src/runtimes/nodejs8.ts';
import { zip } from '../builders/zip.ts';
import { aDirectory, aLocator, built } from './running.ts';

const packaged = (files: Readonly<Record<string, unknown>>) =>
  zip(
    Object.entries(files).map(([path, content]) => ({
      path,
      content: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
    })),
  );

const needing = {
  'package.json': { scripts: { start: 'greet' }, dependencies: { greeting: 'file:./greeting' } },
  'greeting/package.json': { name: 'greeting', version: '1.0.0', bin: { greet: 'greet.js' } },
  'greeting/greet.js': '#!/usr/bin/env node\nconsole.log("hello");\n',
};

async function hasNpm(): Promise<boolean> {
  return (await aLocator().find(nodejs8)).has('npm');
}

if (await hasNpm()) {
  test('a package that comes without its dependencies gets them, and their commands start it', async (context) => {
    const file = join(await aDirectory(context), 'app.zip');
    await writeFile(file, packaged(needing));
    const build = await built(context, nodejs8, file);
    const { argv } = await nodejs8.launch(build);
    assert.deepEqual(argv, ['{{releaseDir}}/package/node_modules/.bin/greet']);
    const printed = execFileSync(join(build.dir, 'node_modules/.bin/greet'), { encoding: 'utf8' });
    assert.equal(printed, 'hello\n');
  });
} else console.log('# installing dependencies is left out: this machine lacks npm');

test('a package that comes without its dependencies is refused where npm is missing', async (context) => {
  const buildDir = await aDirectory(context);
  const dir = join(buildDir, 'package');
  await mkdir(dir);
  await writeFile(join(dir, 'package.json'), JSON.stringify(needing['package.json']));
  const executables = new Map([['node', { path: process.execPath, version: 'Node.js 24.0.0' }]]);
  const run = () => Promise.reject(new Error('nothing is to run'));
  const content = { dir, fileName: 'app.zip' };
  const prepared = nodejs8.prepare?.({ ...content, buildDir, form: 'start script', executables, run });
  await assert.rejects(
    prepared ?? Promise.resolve(),
    (error) =>
      error instanceof Problem && /put node_modules into the package, or install npm/.test(error.message),
  );
});

test('main is started by node itself, in the directory of the package', async (context) => {
  const file = join(await aDirectory(context), 'app.zip');
  await writeFile(file, packaged({ 'package.json': { main: 'lib/start.js' }, 'lib/start.js': '' }));
  const { argv, cwd, env } = await nodejs8.launch(await built(context, nodejs8, file));
  assert.match(argv[0] ?? '', /^\/.*node/);
  assert.deepEqual(argv.slice(1), ['{{releaseDir}}/package/lib/start.js']);
  assert.equal(cwd, '{{releaseDir}}/package');
  assert.equal(env['NODE_ENV'], 'production');
});
