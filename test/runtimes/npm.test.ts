import assert from 'node:assert/strict';
import { access, chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runStep } from '../../src/builds/run-step.ts';
import { nodeCommands, NPM_MISSING, npm, npmFor } from '../../src/runtimes/npm.ts';
import type { Executables } from '../../src/runtimes/runtime.ts';
import { aDirectory } from './running.ts';

const USER = process.getuid?.() === 0 ? { user: 265_111 } : {};

/** A Node of its own place, and an npm that is laid out as a real one. */
async function put(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content, { mode: 0o755 });
  }
}

const npmIn = (modules: string, name: string, head = '') => ({
  [`${modules}/npm/package.json`]: JSON.stringify({ name: 'npm', version: '9.2.0' }),
  // Beside the program lies a script that looks for a Node beside itself: what PATH must not lead to.
  [`${modules}/npm/bin/npm`]: '#!/bin/sh\necho "Could not determine Node.js install directory" >&2\nexit 1\n',
  [`${modules}/npm/bin/npm-cli.js`]: `${head}console.log(process.argv[2] === '--version' ? '9.2.0' : '${name} npm on ' + process.argv0 + ' ' + process.argv.slice(2));\n`,
  [`${modules}/npm/bin/npx-cli.js`]: `console.log('${name} npx ' + process.argv.slice(2));\n`,
});
const nodeScript = (variables = '') => `#!/bin/sh\n${variables}exec ${process.execPath} "$@"\n`;

async function executablesOf(node: string, npmPath?: string): Promise<Executables> {
  const found = npmPath === undefined ? undefined : await npm.probe(npmPath);
  assert.equal(npmPath === undefined, found === undefined, 'the npm that was laid out is found');
  return new Map([
    ['node', { path: node, version: 'Node.js 24.0.0' }],
    ...(found ? [['npm', found] as const] : []),
  ]);
}

/** As a build from code runs its command. */
async function build(t: TestContext, command: string, executables: Executables): Promise<string> {
  const node = executables.get('node')?.path ?? '';
  const dirs = [...executables.values()].map(({ path }) => dirname(path));
  const dir = await aDirectory(t);
  return runStep({
    argv: ['/bin/sh', '-c', command],
    dir,
    env: { PATH: [...dirs, '/usr/bin', '/bin'].join(':') },
    commands: nodeCommands(node, await npmFor(node, executables)),
    fence: { shows: [...new Set(dirs.map((each) => dirname(each)))], isOff: process.getuid?.() === 0 },
    signal: new AbortController().signal,
    ...USER,
  });
}

test("a distribution's npm is run, not the script beside its program", async (t) => {
  const root = await aDirectory(t);
  await put(root, { 'bin/node': nodeScript(), ...npmIn('lib/node_modules', 'distribution') });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'bin/npm'));
  const other = await aDirectory(t);
  await put(other, { 'node/node': nodeScript() });
  const executables = await executablesOf(join(other, 'node/node'), join(root, 'bin/npm'));
  assert.match(
    await build(t, 'npm -v && npx -y x', executables),
    /^distribution npm on .* -v\ndistribution npx -y,x\n$/,
  );
});

test("the npm that came with nodejs.org's Node goes before the host's", async (t) => {
  const root = await aDirectory(t);
  await put(root, { 'bin/node': nodeScript(), ...npmIn('lib/node_modules', 'own') });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'bin/npm'));
  const host = await aDirectory(t);
  await put(host, npmIn('share', 'host'));
  await symlink('share/npm/bin/npm-cli.js', join(host, 'npm'));
  const executables = await executablesOf(join(root, 'bin/node'), join(host, 'npm'));
  assert.match(
    await build(t, 'npm run build && npx x', executables),
    /^own npm on .* run,build\nown npx x\n$/,
  );
});

test('an npm that does not run on the Node that was chosen is run on the one that it belongs to', async (t) => {
  const place = await access('/usr/bin/node').then(
    () => true,
    () => false,
  );
  if (!place) return t.diagnostic('left out: this machine has no Node of its distribution');
  const root = await aDirectory(t);
  const head = `if (process.execPath === ${JSON.stringify(process.execPath)}) require('of-the-distribution');\n`;
  await put(root, { node: nodeScript(), ...npmIn('share', 'host', head) });
  await symlink('share/npm/bin/npm-cli.js', join(root, 'npm'));
  const executables = await executablesOf(join(root, 'node'), join(root, 'npm'));
  assert.match(await build(t, 'npm ci', executables), /^host npm on \/usr\/bin\/node ci\n$/);
});

test('where there is no npm, a build says so in a sentence; without npm in it, it goes on', async (t) => {
  const root = await aDirectory(t);
  await put(root, { 'bin/node': nodeScript() });
  await chmod(root, 0o755);
  const executables = await executablesOf(join(root, 'bin/node'));
  await assert.rejects(build(t, 'npm -v', executables), (error: Error) =>
    error.message.includes(NPM_MISSING),
  );
  assert.match(await build(t, 'node -p 1+1', executables), /^2\n$/);
});
