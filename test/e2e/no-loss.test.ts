import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, findPlatform, memberOf } from '../../src/cli/running-platform.ts';
import { askApp, Load } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { listOf, send, succeed, textOf } from '../../src/cli/tour/steps.ts';

const HOST = 'busy.default.localhost';
const REQUESTS_PER_SECOND = 200;

test('an upgrade, a rollback, a restart and a scale-down lose no request at 200 per second', async (t) => {
  const own = await OwnPlatform.start();
  t.after(() => own.stop());
  const platform = findPlatform(own.dataDir);
  const client = await Client.signIn(platform);
  const cas = `/v2/${client.project}/cas`;
  const applications = await client.request('GET', `${cas}/applications`);
  const application = textOf(listOf(memberOf(applications.body, 'applications'))[0], 'id');
  const url = (version: string) =>
    `${platform.httpUrl}/v1/${client.project}/packages/hello/${version}/hello.tgz`;
  for (const version of ['1', '2']) {
    const body = new Uint8Array(await packSample(version));
    const put = await fetch(url(version), { method: 'PUT', headers: { 'X-Auth-Token': client.token }, body });
    assert.equal(put.status, 200);
  }
  const artifacts = (version: string) => ({
    package: { storage: 'swr', type: 'package', url: url(version) },
  });
  const components = `${cas}/applications/${application}/components`;
  const component = await send(client, 'POST', components, {
    name: 'busy',
    runtime: 'Nodejs8',
    category: 'Common',
  });
  const instances = `${components}/${textOf(component, 'id')}/instances`;
  const created = await send(client, 'POST', instances, {
    name: 'busy',
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 2,
    version: '1',
    artifacts: artifacts('1'),
    refer_resources: [],
  });
  await succeed(client, textOf(created, 'job_id'));
  const instance = `${instances}/${textOf(created, 'instance_id')}`;

  const kept = new Load(platform.ingressUrl, HOST, REQUESTS_PER_SECOND);
  const fresh = new Load(platform.ingressUrl, HOST, REQUESTS_PER_SECOND / 4, { keepAlive: false });
  const upgraded = await send(client, 'PUT', instance, { version: '2', artifacts: artifacts('2') });
  await succeed(client, textOf(upgraded, 'job_id'));
  assert.equal((await askApp(platform.ingressUrl, HOST)).text, 'Hello from 2');
  for (const action of [
    { action: 'rollback', parameters: { version: '1' } },
    { action: 'restart' },
    { action: 'scale', parameters: { replica: 1 } },
  ]) {
    const acted = await send(client, 'POST', `${instance}/action`, action);
    await succeed(client, textOf(acted, 'job_id'));
  }
  for (const report of [await kept.stop(), await fresh.stop()]) {
    assert.equal(report.failed, 0, `${report.failed} of ${report.sent} requests failed`);
    assert.ok(report.sent > 0);
    assert.deepEqual([...report.answers.keys()].toSorted(), ['Hello from 1', 'Hello from 2']);
  }
});
