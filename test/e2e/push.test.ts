import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { Client, findPlatform, memberOf, type RunningPlatform } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { GitServer } from '../builders/git-server.ts';

const JOB_MOST_MS = 4 * 60_000;
const SECRET = 'a secret of the hook';
const APP = 'page-of-pushes';

let own: OwnPlatform;
let platform: RunningPlatform;
let client: Client;

before(async () => {
  process.env['OPENSTAGE_FETCH_ALLOW'] = '127.0.0.1';
  own = await OwnPlatform.start();
  platform = findPlatform(own.dataDir);
  client = await Client.signIn(platform);
});
after(() => own.stop());

test('a signed push is a new release behind the ingress; one whose build fails leaves the old one serving, and the hook says so', async (t) => {
  const git = await GitServer.start(t);
  git.intercept = asGitHub(git.url('shop/page'));
  await git.push('shop/page', { files: { ...files, 'build.sh': 'echo first > page.txt' } });
  const instance = await deploy(git.url('shop/page'));
  assert.equal(await page(), 'first');
  await announceTo(git);

  const sha = await git.push('shop/page', { files: { ...files, 'build.sh': 'echo second > page.txt' } });
  assert.equal((await deliver(sha, 'of somebody else')).status, 401);
  const accepted = await deliver(sha);
  assert.deepEqual(accepted, { status: 200, body: { instances: 1 } });
  await until('the new release answers', async () => (await page()) === 'second');
  await idle(instance);
  const [old, ...others] = listOf(memberOf(await send('GET', `${instance}/snapshots`), 'snapshots'));
  assert.notEqual(textOf(JSON.parse(textOf(old, 'description')), 'commit'), sha);
  assert.deepEqual(others, [], 'one push was one release');
  const good = await send('GET', hookPath());
  assert.equal(textOf(good, 'delivery'), 'A push to master; 1 instance follows.');

  const broken = 'echo "cannot find the compiler" >&2; exit 3';
  await deliver(await git.push('shop/page', { files: { ...files, 'build.sh': broken } }));
  const told = async () => textOf(await send('GET', hookPath()), 'delivery');
  await until('the hook tells of the failure', async () => (await told()).includes('could not follow'));
  const id = instance.split('/').at(-1);
  const sentence = `^Instance ${id} could not follow the push to master: job (\\S+) failed: .*its last line: cannot find the compiler`;
  const [, job = ''] = new RegExp(sentence, 's').exec(await told()) ?? [];
  const failed = await send('GET', `/v2/${client.project}/cas/jobs/${job}`);
  assert.equal(textOf(memberOf(failed, 'job'), 'EXECUTION_STATUS'), 'FAILED');
  assert.equal(await page(), 'second');
  assert.equal(await idle(instance), 'RUNNING');
});

const files = {
  'package.json': JSON.stringify({ name: 'page', version: '1.0.0', scripts: { start: 'node server.js' } }),
  'server.js': `require('http').createServer((_, answer) => answer.end(require('fs').readFileSync('page.txt'))).listen(process.env.PORT, '127.0.0.1');`,
};

/** As much of GitHub's API as an authorization and a hook ask for; all else is git's. */
function asGitHub(cloneUrl: string) {
  const answers: Readonly<Record<string, readonly [status: number, body: object]>> = {
    'GET /api/v1/version': [404, {}],
    'GET /api/v3/user': [200, { login: 'ann' }],
    'GET /api/v3/repos/shop/page': [200, { name: 'page', full_name: 'shop/page', clone_url: cloneUrl }],
    'POST /api/v3/repos/shop/page/hooks': [201, { id: 7 }],
  };
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const found = answers[`${request.method} ${request.url}`];
    if (!found) return false;
    response.writeHead(found[0], { 'content-type': 'application/json' }).end(JSON.stringify(found[1]));
    return true;
  };
}

const hookPath = () => `/v1/${client.project}/git/push/page`;

async function announceTo(git: GitServer): Promise<void> {
  const authorization = { name: 'gh-ann', token: 'ghp-of-ann', host: `http://${git.host}` };
  await send('POST', `/v1/${client.project}/git/auths/github/personal`, authorization);
  const made = await fetch(`${platform.httpUrl}/v1/${client.project}/git/repos/shop/page/hooks`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Auth-Token': client.token,
      'X-Repo-Auth': 'gh-ann',
    },
    body: JSON.stringify({ url: `${platform.httpUrl}${hookPath()}`, secret: SECRET }),
  });
  assert.equal(made.status, 200, await made.text());
}

/** As GitHub sends and signs it. */
async function deliver(sha: string, secret = SECRET): Promise<{ status: number; body: unknown }> {
  const body = JSON.stringify({
    ref: 'refs/heads/master',
    after: sha,
    repository: { default_branch: 'master' },
  });
  const answer = await fetch(`${platform.httpUrl}${hookPath()}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-GitHub-Event': 'push',
      'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    body,
  });
  return { status: answer.status, body: await answer.json() };
}

async function deploy(repoUrl: string): Promise<string> {
  const cas = `/v2/${client.project}/cas`;
  const applications = await send('GET', `${cas}/applications`);
  const application = textOf(listOf(memberOf(applications, 'applications'))[0], 'id');
  const components = `${cas}/applications/${application}/components`;
  const component = await send('POST', components, {
    name: APP,
    runtime: 'Nodejs8',
    category: 'Common',
    source: { kind: 'code', spec: { repo_type: 'GitHub', repo_url: repoUrl, repo_ref: 'master' } },
  });
  const instances = `${components}/${textOf(component, 'id')}/instances`;
  const created = await send('POST', instances, {
    name: APP,
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 1,
    version: '1.0.0',
    refer_resources: [
      { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', parameters: { namespace: 'default' } },
    ],
  });
  const instance = `${instances}/${textOf(created, 'instance_id')}`;
  assert.equal(await idle(instance), 'RUNNING');
  return instance;
}

/** What the instance shows once its last job has ended. */
async function idle(instance: string): Promise<string> {
  let status = '';
  await until('its job ends', async () => {
    status = textOf(memberOf(await send('GET', instance), 'status_detail'), 'status');
    return status !== 'INITIALIZING' && status !== 'UPGRADING';
  });
  return status;
}

async function page(): Promise<string> {
  const { status, text } = await askApp(platform.ingressUrl, `${APP}.default.localhost`);
  assert.equal(status, 200, text);
  return text.trim();
}

async function send(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await client.request(method, path, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + JOB_MOST_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
