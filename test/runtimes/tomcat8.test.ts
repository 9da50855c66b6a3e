import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { isWrittenForJavax } from '../../src/runtimes/javax-war.ts';
import { PackageTree } from '../../src/runtimes/package-content.ts';
import { tomcat8 } from '../../src/runtimes/tomcat8.ts';
import { missingTools, packageFor } from '../builders/packages.ts';
import { zip } from '../builders/zip.ts';
import { aDirectory, aLocator, built, endGroup, started, untilAnswers } from './running.ts';

const missing = missingTools('Tomcat8');
if (missing.length > 0) console.log(`# serving a WAR is left out: this machine lacks ${missing.join(', ')}`);
else {
  test('a WAR for javax.servlet is served with its JSPs, and its files are typed', async (context) => {
    const build = await built(context, tomcat8, await packageFor('Tomcat8'));
    const running = await started(context, build, await tomcat8.launch(build));
    await untilAnswers(running);
    assert.deepEqual(await running.get('/page.jsp'), { status: 200, body: 'JSP at /page.jsp\n' });
    assert.equal((await running.get('/WEB-INF/VERSION')).status, 404);
    endGroup(running.process, 'SIGTERM');
    await running.exited;
    assert.match(await running.log(), /Destroying ProtocolHandler/);
  });
}

test('a .jar needs no Tomcat, a .war does', async () => {
  const names = (fileName?: string) => tomcat8.ways(fileName).map((way) => way.map(({ name }) => name));
  assert.deepEqual(names('app.JAR'), [['java']]);
  assert.deepEqual(names('app.war'), [['java', 'tomcat', 'jakartaee-migration']]);
  assert.deepEqual(names(), names('app.war'));
});

test('a Tomcat that is none is named with its setting', async () => {
  await assert.rejects(
    aLocator({ CATALINA_HOME: '/usr' }).find(tomcat8, 'app.war'),
    /CATALINA_HOME names \/usr, which is not a usable tomcat|Java|Tomcat/,
  );
});

const entry = (path: string, text: string | Buffer) => ({ path, content: Buffer.from(text) });
const library = (api: string) =>
  entry(`WEB-INF/lib/${api}.jar`, zip([entry('A.class', `L${api}/servlet/Servlet;`)]));

const wars: readonly (readonly [
  title: string,
  isForJavax: boolean,
  ...entries: readonly ReturnType<typeof entry>[],
])[] = [
  ['whose class names javax.servlet', true, entry('WEB-INF/classes/A.class', 'Ljavax/servlet/Servlet;')],
  [
    'whose page imports javax.servlet',
    true,
    entry('a.jsp', '<%@ page import="javax.servlet.http.HttpSession" %>'),
  ],
  ['whose library alone names javax.servlet', true, library('javax')],
  ['whose class names jakarta.servlet', false, entry('WEB-INF/classes/A.class', 'Ljakarta/servlet/Servlet;')],
  [
    'for jakarta with a library that supports both',
    false,
    entry('WEB-INF/classes/A.class', 'Ljakarta/servlet/Servlet;'),
    library('javax'),
  ],
  ['with libraries for both and nothing of its own', false, library('javax'), library('jakarta')],
  ['that names no API at all', false, entry('index.html', 'javax.servlet.')],
  ['that names another javax', false, entry('WEB-INF/classes/A.class', 'Ljavax/sql/DataSource;')],
];

for (const [title, isForJavax, ...entries] of wars) {
  test(`a WAR ${title} is ${isForJavax ? '' : 'not '}taken for one of Tomcat 9 and before`, async (context) => {
    const file = join(await aDirectory(context), 'a.war');
    await writeFile(file, zip(entries));
    assert.equal(await isWrittenForJavax(new PackageTree(dirname(file)), basename(file)), isForJavax);
  });
}
