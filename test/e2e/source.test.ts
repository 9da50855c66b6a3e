import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Client, findPlatform, memberOf, type RunningPlatform } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
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
  const left = readdirSync(join(own.dataDir, 'builds')).filter((name) => name.startsWith('work-'));
  await own.stop();
  assert.deepEqual(left, [], 'builds left their workspaces');
});

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
  await remove(t, instance);
});

async function deploy(spec: object, build?: object, runtime = 'Nodejs8') {
  serial += 1;
  const name = `code-${serial}`;
  const component = await send('POST', base, {
    name,
    runtime,
    category: 'Common',
    source: { kind: 'code', spec },
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

async function remove(_t: TestContext, instance: string): Promise<void> {
  await ended(textOf(await send('DELETE', instance), 'job_id'), 'SUCCEEDED');
}
