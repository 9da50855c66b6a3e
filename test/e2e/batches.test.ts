import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, findPlatform, memberOf } from '../../src/cli/running-platform.ts';
import { askApp, Load } from '../../src/cli/tour/load.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { listOf, send, succeed, textOf } from '../../src/cli/tour/steps.ts';

const HOST = 'batched.default.localhost';

test('an update in batches of one loses no request, and one whose second batch fails gives the old release all its replicas back', async (t) => {
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
    await fetch(url(version), { method: 'PUT', headers: { 'X-Auth-Token': client.token }, body });
  }
  const artifacts = (version: string) => ({
    package: { storage: 'swr', type: 'package', url: url(version) },
  });
  const components = `${cas}/applications/${application}/components`;
  const component = await send(client, 'POST', components, {
    name: 'batched',
    runtime: 'Nodejs8',
    category: 'Common',
  });
  const instances = `${components}/${textOf(component, 'id')}/instances`;
  const created = await send(client, 'POST', instances, {
    name: 'batched',
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 3,
    version: '1',
    artifacts: artifacts('1'),
    refer_resources: [],
    configuration: { strategy: { upgrade: 'RollingUpdate', spec: { maxSurge: 1, maxUnavailable: 0 } } },
  });
  await succeed(client, textOf(created, 'job_id'));
  const instance = `${instances}/${textOf(created, 'instance_id')}`;
  const shown = async () => (await client.request('GET', instance)).body;
  const replicas = async () => listOf(memberOf(memberOf(await shown(), 'openstage'), 'replicas'));

  const load = new Load(platform.ingressUrl, HOST, 100);
  // Each replica knows its own name, which ends with its ordinal: the second one fails.
  const failing = {
    lifecycle: {
      'post-start': {
        type: 'command',
        parameters: {
          command: ['/bin/bash', '-c', 'case "$OPENSTAGE_REPLICA" in */1) echo no luck; exit 1;; esac'],
        },
      },
    },
  };
  const failed = await send(client, 'PUT', instance, {
    version: '2',
    artifacts: artifacts('2'),
    configuration: failing,
  });
  await assert.rejects(succeed(client, textOf(failed, 'job_id')), /no luck/);
  assert.equal(memberOf(await shown(), 'version'), '1');
  assert.equal(memberOf(memberOf(await shown(), 'status_detail'), 'status'), 'RUNNING');
  assert.deepEqual(
    (await replicas()).map((each) => [memberOf(each, 'rollout'), memberOf(each, 'ordinal')]),
    [0, 1, 2].map((ordinal) => [1, ordinal]),
  );

  const upgraded = await send(client, 'PUT', instance, { version: '2', artifacts: artifacts('2') });
  let most = 0;
  let done = false;
  const counting = (async () => {
    while (!done) most = Math.max(most, (await replicas()).length);
  })();
  await succeed(client, textOf(upgraded, 'job_id'));
  done = true;
  await counting;
  assert.ok(most <= 4, `${most} replicas were there at once`);
  assert.equal((await askApp(platform.ingressUrl, HOST)).text, 'Hello from 2');
  assert.equal((await replicas()).length, 3);
  const report = await load.stop();
  assert.equal(report.failed, 0, `${report.failed} of ${report.sent} requests failed`);
  assert.deepEqual([...report.answers.keys()].toSorted(), ['Hello from 1', 'Hello from 2']);
});
