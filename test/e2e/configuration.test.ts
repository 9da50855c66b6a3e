import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, findPlatform, memberOf } from '../../src/cli/running-platform.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { listOf, send, succeed, textOf } from '../../src/cli/tour/steps.ts';

const ENVIRONMENT = '6e763000-9128-4a9d-adea-34c42cc5344d';
const HOST = 'configured.default.localhost';

/** Tells its variables; asked for /break it leaves a mark with which it cannot start any more. */
const PROGRAM = `
const { existsSync, writeFileSync } = require('node:fs');
const mark = process.env.HOME + '/state/broken';
if (existsSync(mark)) process.exit(3);
require('node:http').createServer((request, response) => {
  response.end(JSON.stringify(process.env));
  if (request.url !== '/break') return;
  writeFileSync(mark, '');
  setTimeout(() => process.exit(3), 50);
}).listen(Number(process.argv[1]), '127.0.0.1');`;

function ask(ingress: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request(`${ingress}${path}`, { headers: { host: HOST } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('an application sees the variables of its resources, its application and its instance, the nearer winning, and a crash loop reads DOWN', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-configured-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'openstage.yaml');
  writeFileSync(file, 'resources:\n  rds/orders: { host: db.internal, user: shop, password: sesame }\n');
  process.env['OPENSTAGE_CONFIG'] = file;
  const own = await OwnPlatform.start();
  t.after(() => own.stop());
  delete process.env['OPENSTAGE_CONFIG'];
  const platform = findPlatform(own.dataDir);
  const client = await Client.signIn(platform);
  const cas = `/v2/${client.project}/cas`;
  const applications = await client.request('GET', `${cas}/applications`);
  const application = textOf(listOf(memberOf(applications.body, 'applications'))[0], 'id');
  const url = `${platform.httpUrl}/v1/${client.project}/packages/hello/1/hello.tgz`;
  const body = new Uint8Array(await packSample('1'));
  await fetch(url, { method: 'PUT', headers: { 'X-Auth-Token': client.token }, body });
  await send(client, 'PATCH', `${cas}/environments/${ENVIRONMENT}/resources`, {
    add_optional_resources: [{ id: 'orders', type: 'rds' }],
  });
  const share = (value: string) =>
    send(client, 'PUT', `${cas}/applications/${application}/configuration`, {
      environment_id: ENVIRONMENT,
      configuration: {
        env: ['SHARED', 'RDS_USER', 'OWN'].map((name) => ({ name, value })),
      },
    });
  await share('first');
  const components = `${cas}/applications/${application}/components`;
  const component = await send(client, 'POST', components, {
    name: 'configured',
    runtime: 'Nodejs8',
    category: 'Common',
  });
  const instances = `${components}/${textOf(component, 'id')}/instances`;
  const created = await send(client, 'POST', instances, {
    name: 'configured',
    environment_id: ENVIRONMENT,
    flavor_id: 'CUSTOM-1G:0.5C-0.25C:0.5Gi-0.25Gi',
    replica: 1,
    version: '1',
    artifacts: { package: { storage: 'swr', type: 'package', url } },
    refer_resources: [{ id: 'orders', type: 'rds' }],
    configuration: {
      env: [{ name: 'OWN', value: 'mine' }],
      lifecycle: { entrypoint: { command: ['node', '-e', PROGRAM], args: ['$(PORT)'] } },
      storage: [{ type: 'EmptyDir', parameters: {}, mounts: [{ path: 'state', readOnly: false }] }],
    },
  });
  await succeed(client, textOf(created, 'job_id'));
  const instance = `${instances}/${textOf(created, 'instance_id')}`;
  const seen = async () => {
    const env = await ask(platform.ingressUrl, '/');
    return ['SHARED', 'OWN', 'RDS_HOST', 'RDS_USER', 'RDS_PASSWORD'].map((name) => memberOf(env, name));
  };
  assert.deepEqual(await seen(), ['first', 'mine', 'db.internal', 'first', 'sesame']);
  const shown = await client.request('GET', instance);
  assert.ok(!JSON.stringify(shown.body).includes('sesame'));

  await share('second');
  assert.equal((await seen())[0], 'first', 'only the next deploy brings it');
  await succeed(client, textOf(await send(client, 'PUT', instance, { version: '2' }), 'job_id'));
  assert.deepEqual(await seen(), ['second', 'mine', 'db.internal', 'second', 'sesame']);

  await ask(platform.ingressUrl, '/break');
  let detail: unknown;
  for (let look = 0; look < 600; look += 1) {
    detail = memberOf((await client.request('GET', instance)).body, 'status_detail');
    if (memberOf(detail, 'status') === 'DOWN' && /again [2-9]/.test(String(memberOf(detail, 'fail_detail'))))
      break;
    await wait(50);
  }
  assert.equal(memberOf(detail, 'status'), 'DOWN');
  assert.match(
    String(memberOf(detail, 'fail_detail')),
    /^Replica 0 exited with code 3 and was started again \d times/,
  );
});
