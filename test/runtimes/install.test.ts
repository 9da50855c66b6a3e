import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { create } from 'tar';
import { installRuntime } from '../../src/runtimes/install.ts';
import { createLocator } from '../../src/runtimes/locate.ts';
import { tomcat } from '../../src/runtimes/tomcat.ts';
import { writeFiles } from '../builders/files.ts';
import { zip } from '../builders/zip.ts';
import { aDirectory } from './running.ts';

type Repository = Readonly<Record<string, string | Buffer>>;

async function aTomcat(context: TestContext, version: string): Promise<Buffer> {
  const dir = await aDirectory(context);
  const catalina = zip([
    {
      path: 'org/apache/catalina/util/ServerInfo.properties',
      content: Buffer.from(`server.number=${version}.0\n`),
    },
  ]);
  const top = `apache-tomcat-${version}`;
  const files = [
    { path: `${top}/lib/catalina.jar`, content: catalina, mode: 0o640 },
    { path: `${top}/bin/bootstrap.jar`, content: Buffer.from('') },
    { path: `${top}/bin/catalina.sh`, content: Buffer.from(''), mode: 0o750 },
    { path: `${top}/conf/web.xml`, content: Buffer.from('<web-app/>'), mode: 0o600 },
    { path: `${top}/webapps/manager/index.jsp`, content: Buffer.from('') },
  ];
  await writeFiles(files, dir);
  await create({ gzip: true, cwd: dir, file: join(dir, 'a.tgz') }, [top]);
  return readFile(join(dir, 'a.tgz'));
}

/** A Maven repository of these files; answers with its address. */
async function aRepository(context: TestContext, files: Repository): Promise<string> {
  const server = createServer((request, response) => {
    const content = files[request.url?.replace('/maven/org/apache/tomcat/tomcat/', '') ?? ''];
    response.statusCode = content === undefined ? 404 : 200;
    response.end(content);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  context.after(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/maven/`;
}

const metadata = (...versions: readonly string[]) =>
  `<metadata><versioning><versions>${versions.map((each) => `<version>${each}</version>`).join('')}</versions></versioning></metadata>`;
const sum = (kind: string, content: Buffer) => createHash(kind).update(content).digest('hex');

const install = async (context: TestContext, files: Repository, dataDir: string) =>
  installRuntime('Tomcat8', {
    dataDir,
    mavenUrl: await aRepository(context, files),
    path: '',
    tell: () => undefined,
  });

test('the newest Tomcat 9 is fetched, verified, opened to all, and found from then on', async (context) => {
  const dataDir = await aDirectory(context);
  const archive = await aTomcat(context, '9.0.117');
  const name = '9.0.117/tomcat-9.0.117.tar.gz';
  const files = {
    'maven-metadata.xml': metadata('8.5.99', '9.0.9', '9.0.117', '9.0.98', '9.0.118-M1', '10.1.5'),
    [name]: archive,
    [`${name}.sha512`]: `${sum('sha512', archive)} *tomcat-9.0.117.tar.gz\n`,
  };
  const found = await install(context, files, dataDir);
  const home = join(dataDir, 'runtimes/Tomcat8/9.0.117');
  assert.deepEqual(found, { path: home, version: 'Tomcat 9.0.117' });
  assert.equal((await stat(join(home, 'conf/web.xml'))).mode & 0o777, 0o644);
  assert.equal((await stat(join(home, 'lib'))).mode & 0o777, 0o755);
  assert.deepEqual((await readdir(home)).sort(), ['bin', 'conf', 'lib']);
  assert.deepEqual(await readdir(join(dataDir, 'runtimes/Tomcat8')), ['9.0.117']);

  const locator = createLocator({ overrides: {}, path: '', dataDir, areAppsOtherUsers: false });
  const runtime = {
    name: 'T',
    displayName: 'T',
    defaultPort: 1,
    description: '',
    missing: '',
    ways: () => [[tomcat]],
    recognise: () => Promise.reject(),
    launch: () => Promise.reject(),
  };
  assert.deepEqual((await locator.find(runtime)).get('tomcat'), found);
});

test('an older repository is verified by its SHA-1', async (context) => {
  const archive = await aTomcat(context, '9.0.100');
  const name = '9.0.100/tomcat-9.0.100.tar.gz';
  const files = {
    'maven-metadata.xml': metadata('9.0.100'),
    [name]: archive,
    [`${name}.sha1`]: sum('sha1', archive),
  };
  assert.equal((await install(context, files, await aDirectory(context))).version, 'Tomcat 9.0.100');
});

const refused: readonly (readonly [title: string, files: (archive: Buffer) => Repository, told: RegExp])[] = [
  [
    'with another checksum',
    (archive) => ({
      'maven-metadata.xml': metadata('9.0.1'),
      '9.0.1/tomcat-9.0.1.tar.gz': archive,
      '9.0.1/tomcat-9.0.1.tar.gz.sha512': 'abc',
    }),
    /does not have the checksum.*nothing was installed/,
  ],
  [
    'without any checksum',
    (archive) => ({ 'maven-metadata.xml': metadata('9.0.1'), '9.0.1/tomcat-9.0.1.tar.gz': archive }),
    /neither .*\.sha512 nor \.sha1/,
  ],
  [
    'that is not there',
    () => ({ 'maven-metadata.xml': metadata('9.0.1') }),
    /answered 404; expected the file/,
  ],
  [
    'of no version 9.0',
    () => ({ 'maven-metadata.xml': metadata('10.1.1', '11.0.1') }),
    /names no version 9\.0 of tomcat/,
  ],
];

for (const [title, files, told] of refused) {
  test(`an archive ${title} is refused, and nothing is left`, async (context) => {
    const dataDir = await aDirectory(context);
    const archive = await aTomcat(context, '9.0.1');
    await assert.rejects(install(context, files(archive), dataDir), {
      code: 'artifactUnavailable',
      message: told,
    });
    assert.deepEqual(await readdir(join(dataDir, 'runtimes/Tomcat8')), []);
  });
}

test('without mvn and without a repository the sentence says what to do', async (context) => {
  const installing = installRuntime('Tomcat8', {
    dataDir: await aDirectory(context),
    path: '/nonexistent',
    tell: () => undefined,
  });
  await assert.rejects(installing, /apt-get install maven\), or set OPENSTAGE_MAVEN_URL/);
});

test('what cannot be installed is said', async (context) => {
  const installing = installRuntime('Php7', {
    dataDir: await aDirectory(context),
    path: '',
    tell: () => undefined,
  });
  await assert.rejects(installing, /"Php7" cannot be installed by this command; expected Tomcat8/);
});
