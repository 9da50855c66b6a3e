import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Client, findPlatform, memberOf, type RunningPlatform } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { runtimes } from '../../src/runtimes/all.ts';
import { missingTools, packageFor } from '../builders/packages.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const JOB_MOST_MS = 4 * 60_000;

let own: OwnPlatform;
let platform: RunningPlatform;
let client: Client;
let base: string;

before(async () => {
  own = await OwnPlatform.start();
  platform = findPlatform(own.dataDir);
  client = await Client.signIn(platform);
  const applications = await client.request('GET', `/v2/${client.project}/cas/applications`);
  base = `/v2/${client.project}/cas/applications/${textOf(listOf(memberOf(applications.body, 'applications'))[0], 'id')}/components`;
});
after(async () => own.stop());

for (const { name } of runtimes) {
  test(`${name}: a package is deployed, upgraded, rolled back, stopped, started, scaled and deleted`, async (t) => {
    const missing = missingTools(name);
    if (missing.length > 0) {
      assert.ok(!isAll, `${name} needs ${missing.join(', ')}`);
      t.diagnostic(`left out: ${name} needs ${missing.join(', ')}`);
      return;
    }
    const instanceName = `it-${name.toLowerCase()}`;
    const host = `${instanceName}.default.localhost`;
    const version = async () => {
      const { status, text } = await askApp(platform.ingressUrl, host);
      assert.equal(status, 200, text);
      return JSON.parse(text) as unknown;
    };
    const first = await upload(name, '1.0.0');
    const second = await upload(name, '2.0.0');
    const component = await send('POST', base, { name: `c-${name}`, runtime: name, category: 'Common' });
    const instances = `${base}/${textOf(component, 'id')}/instances`;
    const created = await send('POST', instances, {
      name: instanceName,
      environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      version: '1.0.0',
      artifacts: first,
      configuration: { env: [{ name: 'log-level', value: 'warn' }] },
      refer_resources: [
        { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', parameters: { namespace: 'default' } },
      ],
    });
    await succeeded(created);
    const instance = `${instances}/${textOf(created, 'instance_id')}`;
    assert.equal(textOf(await version(), 'version'), '1.0.0');
    assert.equal(textOf(memberOf(await version(), 'env'), 'log-level'), 'warn');

    const shown = await send('GET', instance);
    assert.equal(textOf(memberOf(shown, 'status_detail'), 'status'), 'RUNNING');
    assert.match(textOf(memberOf(shown, 'openstage'), 'runtime_version'), /\S/);
    assert.equal(textOf(memberOf(shown, 'openstage'), 'driver'), 'process');
    assert.equal(memberOf(memberOf(memberOf(shown, 'openstage'), 'bounds'), 'log_bytes'), 16 * 1024 ** 2);

    await succeeded(await send('PUT', instance, { version: '2.0.0', replica: 2, artifacts: second }));
    assert.equal(textOf(await version(), 'version'), '2.0.0');
    const snapshots = await send('GET', `${instance}/snapshots`);
    assert.deepEqual(
      listOf(memberOf(snapshots, 'snapshots')).map((item) => textOf(item, 'version')),
      ['1.0.0'],
    );

    await succeeded(
      await send('POST', `${instance}/action`, { action: 'rollback', parameters: { version: '1.0.0' } }),
    );
    assert.equal(textOf(await version(), 'version'), '1.0.0');
    await succeeded(await send('POST', `${instance}/action`, { action: 'stop' }));
    assert.equal((await askApp(platform.ingressUrl, host)).status, 503);
    await succeeded(await send('POST', `${instance}/action`, { action: 'start' }));
    await succeeded(
      await send('POST', `${instance}/action`, { action: 'scale', parameters: { replica: 1 } }),
    );
    assert.equal(textOf(await version(), 'version'), '1.0.0');

    const deleted = await send('DELETE', instance);
    await succeeded(deleted);
    assert.equal((await client.request('GET', instance)).status, 404);
    assert.equal(
      (await client.request('GET', `/v2/${client.project}/cas/jobs/${textOf(deleted, 'job_id')}`)).status,
      200,
    );
  });
}

async function upload(runtime: string, version: string): Promise<unknown> {
  const file = await packageFor(runtime, { version });
  const path = `/v1/${client.project}/packages/${runtime}/${version}/${file.split('/').at(-1)}`;
  const response = await fetch(`${platform.httpUrl}${path}`, {
    method: 'PUT',
    headers: { 'X-Auth-Token': client.token, 'Content-Type': 'application/octet-stream' },
    body: new Uint8Array(await readFile(file)),
  });
  assert.equal(response.status, 200, await response.text());
  return { package: { storage: 'swr', type: 'package', url: `${platform.httpUrl}${path}` } };
}

async function send(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await client.request(method, path, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function succeeded(accepted: unknown): Promise<void> {
  const path = `/v2/${client.project}/cas/jobs/${textOf(accepted, 'job_id')}`;
  const until = Date.now() + JOB_MOST_MS;
  for (;;) {
    const { body } = await client.request('GET', path);
    const status = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
    if (status === 'SUCCEEDED') return;
    assert.equal(status, 'RUNNING', JSON.stringify(body));
    assert.ok(Date.now() < until, `the job does not end: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
