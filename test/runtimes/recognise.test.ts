import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { findRuntime } from '../../src/runtimes/all.ts';
import { writeFiles } from '../builders/files.ts';
import { zip } from '../builders/zip.ts';
import { aDirectory } from './running.ts';

type Content = Readonly<Record<string, string | Buffer | Executable>>;
interface Executable {
  readonly script: string;
}

const manifest = (...lines: readonly string[]) => ({
  path: 'META-INF/MANIFEST.MF',
  content: Buffer.from(lines.join('\r\n')),
});
const runnableJar = zip([
  manifest('Manifest-Version: 1.0', 'Main-Class: com.example.a.very.long.package.', ' Main'),
]);
const libraryJar = zip([manifest('Manifest-Version: 1.0', 'Created-By: test')]);
const war = zip([{ path: 'WEB-INF/web.xml', content: Buffer.from('<web-app/>') }]);

async function recognise(test: TestContext, runtime: string, content: Content): Promise<string | undefined> {
  const dir = await aDirectory(test);
  const entries = Object.entries(content).map(([path, each]) =>
    typeof each === 'string' || Buffer.isBuffer(each)
      ? { path, content: Buffer.from(each) }
      : { path, content: Buffer.from(each.script), mode: 0o755 },
  );
  await writeFiles(entries, join(dir, 'package'));
  return findRuntime(runtime)?.recognise({
    dir: join(dir, 'package'),
    fileName: Object.keys(content)[0] ?? '',
  });
}

const packages: readonly (readonly [runtime: string, content: Content, form: string])[] = [
  ['Tomcat8', { 'shop.war': war }, 'war'],
  ['Tomcat8', { 'WEB-INF/web.xml': '<web-app/>', 'index.jsp': '' }, 'web application'],
  ['Tomcat8', { 'app.jar': runnableJar }, 'jar'],
  ['Tomcat8', { 'app.jar': libraryJar, Procfile: 'web: java -cp app.jar Main' }, 'procfile'],
  ['Java8', { 'app.jar': runnableJar }, 'jar'],
  ['Java8', { 'app.jar': runnableJar, 'application.yaml': '' }, 'jar'],
  [
    'Java8',
    { 'a.jar': libraryJar, 'b.jar': libraryJar, Procfile: 'web: java -cp a.jar:b.jar Main' },
    'procfile',
  ],
  ['Nodejs8', { 'package.json': '{"scripts": {"start": "node x.js"}}' }, 'start script'],
  ['Nodejs8', { 'package.json': '{"main": "lib"}', 'lib/index.js': '' }, 'main'],
  ['Nodejs8', { 'package.json': '{}', 'server.js': '' }, 'server.js'],
  [
    'Nodejs8',
    { 'package.json': '{"scripts": {"start": "x"}}', Procfile: 'worker: a\nweb: node y.js\n' },
    'procfile',
  ],
  ['Php7', { 'index.php': '' }, 'root'],
  ['Php7', { 'public/index.php': '', 'index.php': '' }, 'public'],
  ['Python3', { 'main.py': '', 'server.py': '' }, 'main.py'],
  ['Custom', { 'start.sh': { script: '#!/bin/bash\n' } }, 'start.sh'],
  ['Custom', { 'bin/start': { script: '#!/bin/bash\n' }, README: '' }, 'bin/start'],
];

for (const [runtime, content, form] of packages) {
  test(`${runtime} takes ${Object.keys(content).join(', ')} as "${form}"`, async (context) => {
    assert.equal(await recognise(context, runtime, content), form);
  });
}

const wrong: readonly (readonly [runtime: string, content: Content, ...told: readonly RegExp[]])[] = [
  ['Tomcat8', { 'index.html': '' }, /it holds index\.html/, /Expected a \.war, an executable \.jar/],
  ['Tomcat8', { 'a.war': war, 'b.war': war }, /2 archives \(a\.war, b\.war\)/, /expected exactly one/],
  ['Tomcat8', { 'a.war': libraryJar }, /a\.war holds no WEB-INF directory/],
  [
    'Tomcat8',
    { 'a.jar': libraryJar },
    /a\.jar .* names no Main-Class/,
    /Expected a \.war, or an executable \.jar/,
  ],
  ['Tomcat8', { 'a.war': 'not an archive' }, /a\.war is not a readable archive/, /build it again/],
  ['Java8', { 'index.html': '' }, /Expected an executable \.jar/],
  ['Java8', { 'a.jar': runnableJar, 'b.jar': libraryJar }, /2 archives/, /web: java -jar app\.jar/],
  ['Java8', { 'a.jar': libraryJar }, /names no Main-Class/],
  ['Java8', { 'a.war': war }, /runs on the runtime Tomcat8/],
  ['Java8', { 'a.jar': 'not an archive' }, /a\.jar is not a readable archive/],
  ['Nodejs8', { 'index.html': '' }, /Expected a package\.json with scripts\.start or main, a server\.js/],
  ['Nodejs8', { 'package.json': '{' }, /package\.json is not JSON/],
  [
    'Nodejs8',
    { 'package.json': '{"main": "app.js"}' },
    /names the main file "app\.js", which the package does not hold/,
  ],
  ['Nodejs8', { Procfile: 'worker: node a.js' }, /The Procfile has no "web:" line; expected one such as/],
  ['Php7', { 'index.html': '' }, /Expected an index\.php at the root or in public\//],
  ['Python3', { 'start.py': '' }, /it holds start\.py/, /Expected app\.py, main\.py, server\.py at the root/],
  [
    'Custom',
    { README: '' },
    /Expected a Procfile with a "web:" line, or an executable start\.sh, run, bin\/start/,
  ],
  ['Custom', { 'start.sh': '#!/bin/bash\n' }, /start\.sh is not marked as executable/, /chmod \+x start\.sh/],
];

for (const [runtime, content, ...told] of wrong) {
  test(`${runtime} refuses ${Object.keys(content).join(', ')} saying ${told[0]?.source ?? ''}`, async (context) => {
    await assert.rejects(recognise(context, runtime, content), (error) => {
      assert.ok(error instanceof Problem);
      assert.equal(error.code, 'packageUnusable');
      for (const pattern of told) assert.match(error.message, pattern);
      return true;
    });
  });
}
