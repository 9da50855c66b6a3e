import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { Client, findPlatform, memberOf, type RunningPlatform } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { parseKey, seal } from '../../src/domain/envelope.ts';
import { running } from '../crash/processes.ts';
import { GitServer } from '../builders/git-server.ts';

const JOB_MOST_MS = 4 * 60_000;

let own: OwnPlatform;
let platform: RunningPlatform;
let client: Client;
let base: string;
let serial = 0;

before(async () => {
  process.env['OPENSTAGE_FETCH_ALLOW'] = '127.0.0.1';
  process.env['OPENSTAGE_CANARY'] = 'a secret of the platform';
  own = await OwnPlatform.start();
  platform = findPlatform(own.dataDir);
  client = await Client.signIn(platform);
  const applications = await client.request('GET', `/v2/${client.project}/cas/applications`);
  base = `/v2/${client.project}/cas/applications/${textOf(listOf(memberOf(applications.body, 'applications'))[0], 'id')}/components`;
});
after(async () => {
  const left = workspaces();
  await own.stop();
  assert.deepEqual(left, [], 'builds left their workspaces');
});

const workspaces = () => readdirSync(join(own.dataDir, 'builds')).filter((name) => name.startsWith('work-'));

const sleepers = (marker: string) => running().filter(({ command }) => command === `sleep ${marker}`);

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + JOB_MOST_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** All text below a directory; what is packed and compressed is not looked into. */
function everythingIn(dir: string): string {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((file) => readFileSync(join(file.parentPath, file.name), 'latin1')).join('\n');
}

/** As the git API keeps one, without asking a host that has no REST API. */
function authorize(name: string, host: string, token: string): void {
  const key = parseKey(readFileSync(join(own.dataDir, 'key'), 'utf8'));
  const secret = seal(key, JSON.stringify({ kind: 'token', token }), randomBytes(12));
  const database = new DatabaseSync(join(own.dataDir, 'openstage.db'), { timeout: 10_000 });
  const columns = { project_id: client.project, name, repo_type: 'gitlab', api: 'gitlab', host, home: host };
  const more = {
    user_name: 'ann',
    avatar: '',
    token_type: 'personal',
    secret_json: JSON.stringify(secret),
    status: 0,
  };
  const row = { ...columns, ...more, creator: 'admin', create_time: 1, update_time: 1 };
  const names = Object.keys(row);
  database
    .prepare(
      `insert into git_authorizations (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
    )
    .run(...Object.values(row));
  database.close();
}

const server = `require('http').createServer((_, answer) => answer.end(require('fs').readFileSync('page.txt'))).listen(process.env.PORT, '127.0.0.1');`;
const manifest = JSON.stringify({ name: 'page', version: '1.0.0', scripts: { start: 'node server.js' } });
const buildScript = (text: string) =>
  `#!/bin/sh\nset -e\necho "making the page"\necho "${text}" > page.txt\n`;

test('code is built and runs; a new commit becomes a release by a change, and a rollback builds nothing', async (t) => {
  const git = await GitServer.start(t);
  const files = { 'package.json': manifest, 'server.js': server };
  const first = await git.push('shop/page', {
    files: { ...files, 'build.sh': buildScript('first') },
    executable: ['build.sh'],
  });
  const { instance, job, host } = await deploy({
    repo_type: 'GitHub',
    repo_url: git.url('shop/page'),
    repo_ref: 'master',
  });
  await ended(job, 'SUCCEEDED');
  assert.equal(await page(host), 'first');
  assert.match(await logOf(job), new RegExp(`${first}[^]*\\./build\\.sh[^]*making the page`));
  assert.match(textOf(await taskOf(job, 'RESOLVE_ARTIFACT'), 'MESSAGES'), /making the page/);

  const second = await git.push('shop/page', { files: { ...files, 'build.sh': buildScript('second') } });
  const changed = await send('PUT', instance, { version: '2.0.0' });
  await ended(textOf(changed, 'job_id'), 'SUCCEEDED');
  assert.equal(await page(host), 'second');
  const snapshots = listOf(memberOf(await send('GET', `${instance}/snapshots`), 'snapshots'));
  assert.deepEqual(
    snapshots.map((one) => textOf(one, 'version')),
    ['1.0.0'],
  );
  assert.equal(textOf(JSON.parse(textOf(snapshots[0], 'description')), 'commit'), first);
  assert.notEqual(first, second);

  git.requests.length = 0;
  const back = await send('POST', `${instance}/action`, {
    action: 'rollback',
    parameters: { version: '1.0.0' },
  });
  await ended(textOf(back, 'job_id'), 'SUCCEEDED');
  assert.equal(await page(host), 'first');
  assert.deepEqual(git.requests, []);

  // The same commit, command and tools: asked for, but neither fetched nor built.
  const again = await send('PUT', instance, { version: '3.0.0' });
  await ended(textOf(again, 'job_id'), 'SUCCEEDED');
  assert.equal(await page(host), 'second');
  assert.match(await logOf(textOf(again, 'job_id')), /It was built before/);
  assert.ok(!(await logOf(textOf(again, 'job_id'))).includes('making the page'));
  await remove(instance);
});

test('a private repository is built through a stored authorization, whose secret is seen nowhere', async (t) => {
  const git = await GitServer.start(t);
  const secret = 'glpat-0123456789secret';
  await git.push('shop/private', {
    files: { 'package.json': manifest, 'server.js': server, 'page.txt': 'private' },
  });
  git.close('shop/private', 'oauth2', secret);
  authorize('gl-ann', `http://${git.host}`, secret);
  const spec = { repo_type: 'GitLab', repo_url: git.url('shop/private'), repo_auth: 'gl-ann' };
  const { instance, job, host } = await deploy(spec, {
    build_cmd: 'env; cat .git/config; git log --format=%B',
  });
  await ended(job, 'SUCCEEDED');
  assert.equal(await page(host), 'private');
  const log = await logOf(job);
  const basic = Buffer.from(`oauth2:${secret}`).toString('base64');
  const answers =
    JSON.stringify(await send('GET', jobPath(job))) + JSON.stringify(await send('GET', instance));
  for (const text of [
    log,
    answers,
    everythingIn(join(own.dataDir, 'logs')),
    everythingIn(join(own.dataDir, 'builds')),
  ])
    for (const known of [secret, basic, 'a secret of the platform']) assert.ok(!text.includes(known));
  assert.match(log, /OPENSTAGE_COMMIT=[0-9a-f]{40}/);

  // An authorization opens the host that it was made for, and no other that somebody names.
  const other = await GitServer.start(t);
  const elsewhere = { ...spec, repo_url: other.url('shop/private') };
  const refused = await client.request('POST', base, {
    name: 'elsewhere',
    runtime: 'Nodejs8',
    category: 'Common',
    source: { kind: 'code', spec: elsewhere },
  });
  assert.equal(refused.status, 400);
  assert.match(textOf(refused.body, 'error_msg'), /"gl-ann" opens http/);
  assert.deepEqual(other.requests, []);
  await remove(instance);
});

test('npm and npx work in builds from code: as a command, and where package.json has a build script', async (t) => {
  if ((await promisify(execFile)('npm', ['--version'], { cwd: '/' }).catch(() => undefined)) === undefined) {
    t.diagnostic('left out: this machine has no npm');
    assert.notEqual(process.env['OPENSTAGE_TEST_ALL'], '1', 'this machine has no npm');
    return;
  }
  const git = await GitServer.start(t);
  const files = { 'package.json': manifest, 'server.js': server, 'page.txt': 'page' };
  await git.push('shop/asks', { files });
  const asking = { build_cmd: 'npm -v; npx -v; node -v; command -v npm' };
  const asked = await deploy({ repo_url: git.url('shop/asks') }, asking);
  await ended(asked.job, 'SUCCEEDED');
  assert.match(await logOf(asked.job), /\n\d+\.\d+\.\d+\n\d+\.\d+\.\d+\nv\d+\.\d+\.\d+\n/);
  await remove(asked.instance);
  const scripts = {
    start: 'node server.js',
    build: 'node make.js',
    postbuild: 'npm run later',
    later: 'npx --no say',
  };
  const built = {
    'package.json': JSON.stringify({
      name: 'page',
      version: '1.0.0',
      scripts,
      dependencies: { say: 'file:./say' },
    }),
    'make.js': `require('fs').writeFileSync('page.txt', 'made by npm')`,
    'say/package.json': JSON.stringify({ name: 'say', version: '1.0.0', bin: { say: 'say.js' } }),
    'say/say.js': '#!/usr/bin/env node\nconsole.log("said by npx");\n',
    'server.js': server,
  };
  await git.push('shop/scripts', { files: built });
  const made = await deploy({ repo_url: git.url('shop/scripts') });
  await ended(made.job, 'SUCCEEDED');
  assert.match(await logOf(made.job), /said by npx/);
  assert.equal(await page(made.host), 'made by npm');
  await remove(made.instance);
});

test('a build that fails says why, keeps its log, and leaves what serves alone', async (t) => {
  const git = await GitServer.start(t);
  const files = { 'package.json': manifest, 'server.js': server, 'page.txt': 'good' };
  await git.push('shop/fails', { files });
  const { instance, job, host } = await deploy({ repo_url: git.url('shop/fails') });
  await ended(job, 'SUCCEEDED');
  assert.match(await logOf(job), /There is nothing to build/);
  await git.push('shop/fails', { files: { 'build.sh': 'echo "cannot find the compiler" >&2; exit 3' } });
  const failed = textOf(await send('PUT', instance, { version: '2.0.0' }), 'job_id');
  await ended(failed, 'FAILED');
  const messages: unknown = JSON.parse(textOf(await taskOf(failed, 'RESOLVE_ARTIFACT'), 'MESSAGES'));
  assert.match(textOf(messages, 'message'), /ended with code 3; its last line: cannot find the compiler/);
  assert.match(await logOf(failed), /sh \.\/build\.sh\ncannot find the compiler\n/);
  assert.equal(await page(host), 'good');
  await remove(instance);
});

test('a deletion ends a build that would never end, and nothing of it is left', async (t) => {
  const git = await GitServer.start(t);
  const marker = `41${process.pid}`;
  await git.push('shop/endless', {
    files: { 'build.sh': `echo begun; env -i setsid sleep ${marker} & sleep ${marker}` },
  });
  const { instance, job } = await deploy({ repo_url: git.url('shop/endless') });
  const isShown = async () => textOf(await taskOf(job, 'RESOLVE_ARTIFACT'), 'MESSAGES').includes('begun');
  await until('what it prints is shown while it runs', isShown);
  assert.notDeepEqual(sleepers(marker), []);
  await remove(instance);
  await until('its processes are gone', async () => sleepers(marker).length === 0);
  await until('its files are gone', async () => workspaces().length === 0);
});

test('what the job sees at once fails at once: no repository, no such branch, a forbidden address', async (t) => {
  const git = await GitServer.start(t);
  await git.push('shop/one', { files: { a: '1' } });
  const rows = [
    { spec: { repo_url: git.url('shop/none') }, says: /There is no repository at/ },
    { spec: { repo_url: git.url('shop/one'), repo_ref: 'gone' }, says: /has no branch or tag/ },
    {
      spec: { repo_url: 'http://169.254.169.254/a/b.git' },
      says: /Code is not fetched from 169\.254\.169\.254/,
    },
  ];
  for (const { spec, says } of rows) {
    const { instance, job } = await deploy(spec);
    const body = await ended(job, 'FAILED');
    assert.match(JSON.stringify(body), says);
    await remove(instance);
  }
});

test('a package in a bucket is fetched from its endpoint, and answered as it was sent', async (t) => {
  const asked: string[] = [];
  const bucket = createServer((request, response) => {
    asked.push(request.url ?? '');
    void packSample('bucket').then((bytes) => response.end(bytes));
  });
  await new Promise<void>((resolve) => bucket.listen(0, '127.0.0.1', resolve));
  t.after(() => bucket.close());
  const address = bucket.address();
  assert.ok(typeof address === 'object' && address !== null);
  const spec = {
    storage: 'obs',
    type: 'package',
    url: 'obs://pkg/hello/hello.tgz',
    auth: 'iam',
    properties: { endpoint: `http://127.0.0.1:${address.port}`, bucket: 'pkg', key: 'hello/hello.tgz' },
    webUrl: 'https://obs.example.org/hello',
  };
  const { instance, job, component } = await deploy(spec, undefined, 'Nodejs8', 'artifact');
  await ended(job, 'SUCCEEDED');
  assert.deepEqual(asked, ['/pkg/hello/hello.tgz']);
  assert.deepEqual(memberOf(await send('GET', component), 'source'), { kind: 'artifact', spec });
  await remove(instance);
});

async function deploy(spec: object, build?: object, runtime = 'Nodejs8', kind = 'code') {
  serial += 1;
  const name = `code-${serial}`;
  const component = await send('POST', base, {
    name,
    runtime,
    category: 'Common',
    source: { kind, spec },
    ...(build && { build: { parameters: build } }),
  });
  const instances = `${base}/${textOf(component, 'id')}/instances`;
  const created = await send('POST', instances, {
    name,
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 1,
    version: '1.0.0',
    refer_resources: [
      { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', parameters: { namespace: 'default' } },
    ],
  });
  return {
    component: `${base}/${textOf(component, 'id')}`,
    instance: `${instances}/${textOf(created, 'instance_id')}`,
    job: textOf(created, 'job_id'),
    host: `${name}.default.localhost`,
  };
}

async function page(host: string): Promise<string> {
  const { status, text } = await askApp(platform.ingressUrl, host);
  assert.equal(status, 200, text);
  return text.trim();
}

async function send(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await client.request(method, path, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

const jobPath = (job: string) => `/v2/${client.project}/cas/jobs/${job}`;

async function ended(job: string, word: 'SUCCEEDED' | 'FAILED'): Promise<unknown> {
  const until = Date.now() + JOB_MOST_MS;
  for (;;) {
    const { body } = await client.request('GET', jobPath(job));
    const status = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
    if (status !== 'RUNNING') {
      assert.equal(status, word, JSON.stringify(body));
      return body;
    }
    assert.ok(Date.now() < until, `the job does not end: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function taskOf(job: string, name: string): Promise<unknown> {
  const tasks = listOf(memberOf(await send('GET', jobPath(job)), 'tasks'));
  return tasks.find((task) => textOf(task, 'TASK_NAME') === name);
}

async function logOf(job: string): Promise<string> {
  const response = await fetch(`${platform.httpUrl}${jobPath(job)}/log`, {
    headers: { 'X-Auth-Token': client.token },
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  return text;
}

async function remove(instance: string): Promise<void> {
  await ended(textOf(await send('DELETE', instance), 'job_id'), 'SUCCEEDED');
}
