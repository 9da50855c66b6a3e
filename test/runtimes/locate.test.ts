import assert from 'node:assert/strict';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findRuntime } from '../../src/runtimes/all.ts';
import { ask } from '../../src/runtimes/ask-version.ts';
import { createLocator, type Search } from '../../src/runtimes/locate.ts';
import type { Executable, Runtime } from '../../src/runtimes/runtime.ts';
import { writeFiles } from '../builders/files.ts';
import { aDirectory } from './running.ts';

const tool: Executable = {
  name: 'tool',
  settings: ['OPENSTAGE_TOOL'],
  places: (dataDir) => [join(dataDir, 'place/tool')],
  commands: ['tool'],
  async probe(path) {
    const version = /tool (\d+)/.exec((await ask(path)) ?? '')?.[1];
    return version === undefined ? undefined : { path, version: `Tool ${version}` };
  },
};
const other: Executable = { ...tool, name: 'other', settings: [], places: () => [], commands: ['other'] };

const aRuntime = (...ways: readonly (readonly Executable[])[]): Runtime => ({
  name: 'Test',
  displayName: 'Test',
  defaultPort: 1,
  description: 'A test.',
  missing: 'Tool is not installed; install it.',
  ways: () => ways,
  recognise: () => Promise.reject(new Error('not asked')),
  launch: () => Promise.reject(new Error('not asked')),
});

async function aHost(
  context: TestContext,
  scripts: Readonly<Record<string, string>>,
  search: Partial<Search> = {},
) {
  const dataDir = await aDirectory(context);
  const files = Object.entries(scripts).map(([path, script]) => ({
    path,
    content: Buffer.from(`#!/bin/sh\n${script}\n`),
    mode: 0o755,
  }));
  await writeFiles(files, dataDir);
  const path = [join(dataDir, 'path'), '/usr/bin'].join(':');
  return {
    dataDir,
    locator: createLocator({ overrides: {}, path, dataDir, areAppsOtherUsers: false, ...search }),
  };
}

test('what a setting names wins over places, and places over PATH', async (context) => {
  const scripts = { 'mine/tool': 'echo tool 1', 'place/tool': 'echo tool 2', 'path/tool': 'echo tool 3' };
  const { dataDir, locator } = await aHost(context, scripts);
  const mine = join(dataDir, 'mine/tool');
  const named = createLocator({
    overrides: { OPENSTAGE_TOOL: mine },
    path: '',
    dataDir,
    areAppsOtherUsers: false,
  });
  assert.deepEqual((await named.find(aRuntime([tool]))).get('tool'), { path: mine, version: 'Tool 1' });
  assert.equal((await locator.find(aRuntime([tool]))).get('tool')?.version, 'Tool 2');
  const { locator: bare } = await aHost(context, { 'path/tool': 'echo tool 3' });
  assert.equal((await bare.find(aRuntime([tool]))).get('tool')?.version, 'Tool 3');
});

test('a setting that names nothing usable is a problem, although PATH has one', async (context) => {
  const { locator } = await aHost(
    context,
    { 'path/tool': 'echo tool 3' },
    { overrides: { OPENSTAGE_TOOL: '/nowhere/tool' } },
  );
  await assert.rejects(locator.find(aRuntime([tool])), {
    code: 'runtimeMissing',
    message:
      'OPENSTAGE_TOOL names /nowhere/tool, which is not a usable tool; set it to the path of one, or unset it.',
  });
});

test('what does not answer like the tool is passed over', async (context) => {
  const { locator } = await aHost(context, {
    'place/tool': 'echo something else; exit 1',
    'path/tool': 'echo tool 3',
  });
  assert.equal((await locator.find(aRuntime([tool]))).get('tool')?.version, 'Tool 3');
});

test('where nothing is found the runtime says what to install', async (context) => {
  const { locator } = await aHost(context, {});
  await assert.rejects(locator.find(aRuntime([tool])), {
    code: 'runtimeMissing',
    message: 'Tool is not installed; install it.',
  });
  assert.equal(await locator.describe(aRuntime([tool])), 'A test. Tool is not installed; install it.');
});

test('the first way that is open is taken, and optional executables do not close one', async (context) => {
  const { locator } = await aHost(context, { 'path/tool': 'echo tool 3' });
  const found = await locator.find(aRuntime([tool, other], [tool, { ...other, isOptional: true }]));
  assert.deepEqual([...found.keys()], ['tool']);
});

test('a way that a setting names goes before the others', async (context) => {
  const { dataDir } = await aHost(context, {});
  await writeFiles(
    [
      { path: 'path/tool', content: Buffer.from('#!/bin/sh\necho tool 3\n'), mode: 0o755 },
      { path: 'path/other', content: Buffer.from('#!/bin/sh\necho tool 4\n'), mode: 0o755 },
    ],
    dataDir,
  );
  const locator = createLocator({
    overrides: { OPENSTAGE_TOOL: join(dataDir, 'path/tool') },
    path: join(dataDir, 'path'),
    dataDir,
    areAppsOtherUsers: false,
  });
  assert.deepEqual([...(await locator.find(aRuntime([other], [tool]))).keys()], ['tool']);
});

test('an executable is asked for its version once, and again when it changed', async (context) => {
  const { dataDir, locator } = await aHost(context, {});
  const script = (version: number) => [
    {
      path: 'place/tool',
      content: Buffer.from(`#!/bin/sh\necho asked >> ${dataDir}/asked\necho tool ${version}\n`),
      mode: 0o755,
    },
  ];
  await writeFiles(script(2), dataDir);
  for (let time = 0; time < 3; time += 1)
    assert.equal((await locator.find(aRuntime([tool]))).get('tool')?.version, 'Tool 2');
  assert.equal(await readFile(join(dataDir, 'asked'), 'utf8'), 'asked\n');
  await writeFiles(script(10), dataDir);
  assert.equal((await locator.find(aRuntime([tool]))).get('tool')?.version, 'Tool 10');
});

test('what other users cannot reach is no use where applications are other users', async (context) => {
  const { dataDir, locator } = await aHost(
    context,
    { 'place/tool': 'echo tool 2', 'path/tool': 'echo tool 3' },
    { areAppsOtherUsers: true },
  );
  await chmod(join(dataDir, 'place'), 0o700);
  assert.equal((await locator.find(aRuntime([tool]))).get('tool')?.version, 'Tool 3');
  await chmod(join(dataDir, 'path'), 0o700);
  await assert.rejects(locator.find(aRuntime([tool])), {
    message:
      `Tool is not installed; install it. ${dataDir}/place/tool is no use, because other users cannot pass the directory ${dataDir}/place.` +
      ` ${dataDir}/path/tool is no use, because other users cannot pass the directory ${dataDir}/path.`,
  });
});

for (const [runtime, told] of [
  ['Java8', /Java 8 or newer .*default-jre-headless.*OPENSTAGE_JAVA/],
  [
    'Tomcat8',
    /Tomcat 8\.5 or newer .*apt-get install tomcat10.*openstage runtime install Tomcat8.*CATALINA_HOME/,
  ],
  ['Nodejs8', /Node\.js 8 or newer .*OPENSTAGE_NODE/],
  ['Php7', /PHP 7 or newer .*libapache2-mod-php.*php-cli.*OPENSTAGE_PHP/],
  ['Python3', /Python 3 .*python3-venv.*OPENSTAGE_PYTHON/],
] as const) {
  test(`where ${runtime} is missing the sentence says how to get it`, () => {
    assert.match(findRuntime(runtime)?.missing ?? '', told);
  });
}
