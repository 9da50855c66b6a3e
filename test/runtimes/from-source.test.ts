import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findRuntime } from '../../src/runtimes/all.ts';

const commandFor = (runtime: string, files: Readonly<Record<string, string>>) =>
  findRuntime(runtime)?.fromSource?.command({
    has: async (name) => name in files,
    text: async (name) => files[name],
  });

const quiet = '--no-audit --no-fund';

test('each runtime builds its code as its users expect, and does nothing where there is nothing to do', async () => {
  const manifest = (scripts: object) => ({ 'package.json': JSON.stringify({ scripts }) });
  const rows = [
    { runtime: 'Java8', files: { 'pom.xml': '' }, command: 'mvn -B -ntp clean package' },
    { runtime: 'Tomcat8', files: { 'pom.xml': '' }, command: 'mvn -B -ntp clean package' },
    { runtime: 'Java8', files: { Procfile: '' }, command: undefined },
    {
      runtime: 'Nodejs8',
      files: { ...manifest({ build: 'tsc' }), 'package-lock.json': '{}' },
      command: `npm ci ${quiet} && npm run build && npm prune --omit=dev ${quiet}`,
    },
    {
      runtime: 'Nodejs8',
      files: manifest({ build: 'tsc' }),
      command: `npm install ${quiet} && npm run build && npm prune --omit=dev ${quiet}`,
    },
    { runtime: 'Nodejs8', files: manifest({ start: 'node .' }), command: undefined },
    { runtime: 'Nodejs8', files: { 'package.json': 'no json' }, command: undefined },
    { runtime: 'Nodejs8', files: {}, command: undefined },
    { runtime: 'Python3', files: { 'setup.py': '' }, command: undefined },
    { runtime: 'Php7', files: { 'composer.json': '{}' }, command: undefined },
  ];
  for (const { runtime, files, command } of rows)
    assert.equal(await commandFor(runtime, files), command, runtime);
});
