import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { askApp } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { filesBelow } from '../builders/files.ts';
import { missingTools } from '../builders/packages.ts';
import { wheelOf } from '../builders/python-wheel.ts';
import { zip } from '../builders/zip.ts';
import { Deployer } from './deployer.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'apps', 'python3');
const PASSWORD = 's3cret-of-ann';

test('a Python package gets what it requires from the mirror of the environment, whose password is kept nowhere', async (t) => {
  const missing = missingTools('Python3');
  if (missing.length > 0) {
    assert.ok(process.env['OPENSTAGE_TEST_ALL'] !== '1', `Python3 needs ${missing.join(', ')}`);
    t.diagnostic(`left out: Python3 needs ${missing.join(', ')}`);
    return;
  }
  const mirror = await aMirror(t);
  process.env['PIP_INDEX_URL'] = mirror.url;
  const own = await OwnPlatform.start();
  delete process.env['PIP_INDEX_URL'];
  t.after(() => own.stop());
  const deployer = await Deployer.open(own.dataDir);

  const good = await deployer.upload('good/1/good.zip', requiring('greeting==1.0'));
  const { outcome } = await deployer.deploy({ name: 'fenced', runtime: 'Python3', artifacts: good });
  assert.equal(outcome.status, 'SUCCEEDED', `${outcome.message} ${outcome.log.join('\n')}`);
  assert.ok(mirror.asked.includes('/simple/greeting/'));
  const { status, text } = await askApp(deployer.platform.ingressUrl, 'fenced.default.localhost');
  assert.equal(status, 200, text);

  const bad = await deployer.upload('bad/1/bad.zip', requiring(`greeting==1.0\nabsent==${mirror.url}`));
  const failed = await deployer.deploy({ name: 'absent', runtime: 'Python3', artifacts: bad });
  assert.equal(failed.outcome.status, 'FAILED');
  assert.match(failed.outcome.message, /build step/);
  assert.ok(!JSON.stringify(failed.outcome).includes(PASSWORD), JSON.stringify(failed.outcome));
  // The package that repeats the password itself is the test's own doing.
  const kept = filesOf(own.dataDir).filter((file) => !file.includes('/artifacts/'));
  assert.deepEqual(
    kept.filter((file) => readFileSync(file).includes(PASSWORD)),
    [],
  );
});

function requiring(requirements: string): Buffer {
  const sources = filesBelow(FIXTURE).filter(
    ({ path }) => !path.startsWith('greeting/') && path !== 'requirements.txt',
  );
  return zip([
    ...sources,
    { path: 'requirements.txt', content: Buffer.from(`${requirements}\n`) },
    { path: 'VERSION', content: Buffer.from('1\n') },
  ]);
}

/** A package index that wants a password. */
async function aMirror(t: { after(work: () => void): void }) {
  const wheel = zip(
    wheelOf(
      'greeting',
      '1.0',
      filesBelow(FIXTURE).filter(({ path }) => path.startsWith('greeting/')),
    ),
  );
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const sent = Buffer.from(
      (request.headers.authorization ?? '').replace('Basic ', ''),
      'base64',
    ).toString();
    if (sent !== `ann:${PASSWORD}`)
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="mirror"' }).end();
    else if (request.url === '/simple/greeting/')
      response
        .writeHead(200, { 'Content-Type': 'text/html' })
        .end('<a href="/files/greeting-1.0-py3-none-any.whl">greeting-1.0-py3-none-any.whl</a>');
    else if (request.url?.endsWith('.whl') === true) response.writeHead(200).end(wheel);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { asked, url: `http://ann:${PASSWORD}@127.0.0.1:${address.port}/simple` };
}

function filesOf(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
