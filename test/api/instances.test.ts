import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId, jobId } from '../../src/domain/ids.ts';
import { updateInstance } from '../../src/store/instances.ts';
import { endJob, served } from './end-job.ts';
import { CLUSTER, ENVIRONMENT, LOAD_BALANCER, openStage, type Stage } from './stage.ts';

const artifact = {
  storage: 'swr',
  type: 'package',
  url: 'https://packages.example.org/a-1.jar',
  auth: 'iam',
};
const body = {
  name: 'component-instance-name',
  environment_id: ENVIRONMENT,
  flavor_id: 'MICRO-5G:0.5C:1G',
  replica: 1,
  artifacts: { 'container-name': artifact },
  version: '1.0.0',
  description: 'instance desc',
  configuration: { env: [{ name: 'log-level', value: 'warn' }] },
  refer_resources: [
    { id: CLUSTER, type: 'cce', parameters: { namespace: 'default' } },
    { id: LOAD_BALANCER, type: 'elb' },
  ],
};

async function instancesOf(stage: Stage): Promise<string> {
  const application = (await stage.post('/applications', { name: 'shop' })).text('id');
  const component = await stage.post(`/applications/${application}/components`, {
    name: 'cart',
    runtime: 'Tomcat8',
    category: 'Common',
  });
  return `/applications/${application}/components/${component.text('id')}/instances`;
}

test("the document's body creates an instance, which is shown whole from the first answer on", async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const accepted = await stage.post(at, body);
  assert.equal(accepted.status, 200);
  assert.deepEqual(Object.keys(Object(accepted.body)).toSorted(), ['instance_id', 'job_id']);
  assert.match(accepted.text('job_id'), /^JOB[0-9a-f-]{36}$/);
  const id = accepted.text('instance_id');
  const shown = await stage.get(`${at}/${id}`);
  const created = shown.at('create_time');
  assert.deepEqual(shown.body, {
    id,
    name: 'component-instance-name',
    environment_id: ENVIRONMENT,
    platform_type: 'cce',
    artifacts: { 'container-name': artifact },
    version: '1.0.0',
    external_accesses: [
      {
        id,
        protocol: 'HTTP',
        address: 'component-instance-name.shop.localhost',
        forward_port: 8080,
        type: 'AUTO_GENERATED',
        status: 'NORMAL',
        create_time: created,
        update_time: created,
      },
    ],
    creator: 'admin',
    create_time: created,
    update_time: shown.at('update_time'),
    status_detail: {
      status: 'INITIALIZING',
      available_replica: 0,
      replica: 1,
      fail_detail: null,
      last_job_id: accepted.text('job_id'),
      last_job_status: 'RUNNING',
      enterprise_project_id: '0',
    },
    description: 'instance desc',
    flavor_id: 'MICRO-5G:0.5C:1G',
    configuration: { env: [{ name: 'log-level', value: 'warn', internal: false }] },
    refer_resources: body.refer_resources,
    openstage: {
      driver: 'process',
      resource: { id: CLUSTER, type: 'cce' },
      host_name: 'component-instance-name.shop.localhost',
      url: 'http://component-instance-name.shop.localhost:7081/',
      runtime_version: null,
      limits_enforced: null,
      bounds: null,
      release: null,
      rollout: null,
      replicas: [],
    },
  });
  const list = await stage.get(at);
  assert.equal(list.at('count'), 1);
  const item = list.at('instances', 0);
  assert.deepEqual(Object.keys(Object(item)).toSorted(), [
    'application_id',
    'application_name',
    'artifacts',
    'component_id',
    'component_name',
    'create_time',
    'creator',
    'environment_id',
    'environment_name',
    'external_accesses',
    'id',
    'name',
    'platform_type',
    'status_detail',
    'update_time',
    'version',
  ]);
  const overviews = await stage.get(at.replace(/\/components\/.*/, '/components/overviews'));
  assert.equal(overviews.at('components', 0, 'instances', 0, 'instance_id'), id);
  assert.equal(overviews.at('components', 0, 'instances', 0, 'id'), undefined);
});

test('the same request repeated while its job is open gets the same ids, another one 409', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const accepted = await stage.post(at, body);
  const { name, ...rest } = body;
  assert.deepEqual((await stage.post(at, { ...rest, name })).body, accepted.body);
  assert.equal((await stage.get(at)).at('count'), 1);
  const one = `${at}/${accepted.text('instance_id')}`;
  const busy = await stage.put(one, { version: 2 });
  assert.equal(busy.problem, '409 SVCSTG.00100409');
  assert.match(busy.text('error_msg'), new RegExp(accepted.text('job_id')));
  assert.equal((await stage.post(`${one}/action`, { action: 'stop' })).problem, '409 SVCSTG.00100409');
  const deleted = await stage.delete(one);
  assert.equal(deleted.status, 200);
  assert.notEqual(deleted.text('job_id'), accepted.text('job_id'));
  assert.equal((await stage.get(one)).at('status_detail', 'status'), 'DELETING');
  assert.deepEqual((await stage.delete(one)).body, deleted.body);
});

test('an action repeated while its job is open is the same job; of somebody else, or with other words, it is another', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const created = await stage.post(at, body);
  await served(stage, created);
  const action = `${at}/${created.text('instance_id')}/action`;
  const scale = { action: 'scale', parameters: { replica: 2 } };
  const accepted = await stage.post(action, scale);
  const again = { parameters: { replica: 2 }, action: 'scale' };
  assert.deepEqual((await stage.post(action, again)).body, accepted.body);
  const other = await stage.post(action, { action: 'scale', parameters: { replica: 3 } });
  const stranger = await stage.send({
    method: 'POST',
    url: stage.at(action),
    headers: { 'x-auth-token': await stage.tokenOf('te_admin') },
    payload: scale,
  });
  for (const refused of [other, stranger]) {
    assert.equal(refused.problem, '409 SVCSTG.00100409');
    assert.match(
      refused.text('error_msg'),
      new RegExp(`job ${accepted.text('job_id')} \\(scale-instance\\)`),
    );
  }
  await stage.store.write((tx) => endJob(tx, jobId(accepted.text('job_id')), 'succeeded'));
  assert.notEqual((await stage.post(action, scale)).text('job_id'), accepted.text('job_id'));
});

test('a name in use is refused once the job has ended', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  await served(stage, await stage.post(at, body));
  assert.equal((await stage.post(at, body)).problem, '400 SVCSTG.00100400');
});

test('an upgrade with version 2 keeps what it does not name; the snapshot of the first can be seen', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const created = await stage.post(at, body);
  await served(stage, created);
  const one = `${at}/${created.text('instance_id')}`;
  assert.deepEqual((await stage.get(`${one}/snapshots`)).body, { count: 0, snapshots: [] });
  assert.equal((await stage.get(one)).at('status_detail', 'status'), 'RUNNING');
  const changed = await stage.put(one, {
    name: body.name,
    environment_id: ENVIRONMENT,
    flavor_id: body.flavor_id,
    replica: 2,
    version: 2,
  });
  assert.equal(changed.status, 200);
  assert.equal(changed.text('instance_id'), created.text('instance_id'));
  assert.equal((await stage.get(one)).at('version'), '1.0.0');
  assert.equal((await stage.get(one)).at('status_detail', 'status'), 'UPGRADING');
  await served(stage, changed, 2);
  const shown = await stage.get(one);
  assert.equal(shown.at('version'), '2');
  assert.deepEqual(shown.at('artifacts'), body.artifacts);
  assert.deepEqual(shown.at('configuration', 'env', 0, 'value'), 'warn');
  const snapshots = await stage.get(`${one}/snapshots?snapshot_order_by=version&order=asc`);
  assert.deepEqual(snapshots.body, {
    count: 1,
    snapshots: [
      {
        version: '1.0.0',
        description: '{"action":"New Version: 1.0.0","release":1}',
        instance_id: created.text('instance_id'),
        create_time: snapshots.at('snapshots', 0, 'create_time'),
      },
    ],
  });
  const back = await stage.post(`${one}/action`, { action: 'rollback', parameters: { version: '1.0.0' } });
  assert.deepEqual([back.status, Object.keys(Object(back.body))], [200, ['job_id']]);
});

test('probes and strategy are echoed as they were sent, a scheme in upper case; empty members are not', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const probe = {
    type: 'http',
    parameters: { scheme: 'http', port: 9090, path: '/ready' },
    delay: 5,
    timeout: 2,
  };
  const configuration = {
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
      { name: 'B', value: 'from a resource', internal: true },
    ],
    strategy: { upgrade: 'RollingUpdate', spec: { maxSurge: 1, maxUnavailable: 0 } },
    probes: { readinessProbe: probe },
    storage: [],
    lifecycle: { entrypoint: { command: [], args: [] } },
    scheduler: { affinity: {} },
    logs: [],
    container_spec: {},
  };
  const accepted = await stage.post(at, { ...body, configuration });
  assert.equal(accepted.status, 200, accepted.raw);
  const shown = await stage.get(`${at}/${accepted.text('instance_id')}`);
  assert.deepEqual(shown.at('configuration'), {
    env: [{ name: 'A', value: '2', internal: false }],
    strategy: configuration.strategy,
    probes: {
      readinessProbe: { ...probe, parameters: { ...probe.parameters, scheme: 'HTTP' } },
    },
  });
  assert.equal(shown.at('external_accesses', 0, 'forward_port'), 9090);
});

test('a failed instance says why in fail_detail', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const created = await stage.post(at, body);
  const id = instanceId(created.text('instance_id'));
  await stage.store.write(async (tx) => {
    await updateInstance(tx, id, { activity: null });
    await endJob(
      tx,
      jobId(created.text('job_id')),
      'failed',
      'Java is not installed on this host; install it.',
    );
  });
  const shown = await stage.get(`${at}/${id}`);
  assert.equal(shown.at('status_detail', 'status'), 'FAILED');
  assert.equal(shown.at('status_detail', 'fail_detail'), 'Java is not installed on this host; install it.');
  assert.equal(shown.at('status_detail', 'last_job_status'), 'FAILED');
});

test('a component with instances is deleted by force only, with a job for each', async (t) => {
  const stage = await openStage(t);
  const at = await instancesOf(stage);
  const component = at.replace(/\/instances$/, '');
  const first = await stage.post(at, body);
  const second = await stage.post(at, { ...body, name: 'second' });
  assert.equal((await stage.delete(component)).problem, '400 SVCSTG.00100402');
  assert.equal((await stage.delete(`${component}?force=maybe`)).problem, '400 SVCSTG.00100400');
  assert.equal((await stage.delete(`${component}?force=TRUE`)).status, 204);
  assert.equal((await stage.get(component)).at('status'), 1);
  const list = await stage.get(at);
  const jobs = [0, 1].map((index) => list.at('instances', index, 'status_detail', 'last_job_id'));
  assert.equal(new Set([...jobs, first.text('job_id'), second.text('job_id')]).size, 4);
  assert.deepEqual(
    [0, 1].map((index) => list.at('instances', index, 'status_detail', 'status')),
    ['DELETING', 'DELETING'],
  );
});
