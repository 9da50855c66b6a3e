import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { markInstanceDeleted } from '../../src/store/instances.ts';
import { aComponent, anInstance } from './builders.ts';
import { CLUSTER, ENVIRONMENT, HOST, LOAD_BALANCER, openStage } from './stage.ts';

const cluster = { id: 'c-77', name: null, type: 'cce' };
const balancer = { id: 'lb-1', name: 'edge', type: 'elb' };

test('the first environment bears the ids that the document names', async (t) => {
  const stage = await openStage(t);
  const shown = await stage.get(`/environments/${ENVIRONMENT}`);
  assert.equal(shown.at('name'), 'local');
  assert.deepEqual(shown.each('base_resources', 'id'), [CLUSTER, HOST]);
  assert.deepEqual(shown.each('optional_resources', 'id'), [LOAD_BALANCER]);
});

test('an environment is created, shown, listed, changed and deleted', async (t) => {
  const stage = await openStage(t);
  const created = await stage.post('/environments', {
    name: 'test',
    vpc_id: 'vpc-1',
    alias: 't',
    base_resources: [{ id: 'c-77', type: 'CCE' }],
    optional_resources: [balancer, balancer],
  });
  const id = created.text('id');
  assert.deepEqual(created.body, {
    id,
    name: 'test',
    alias: 't',
    description: null,
    project_id: stage.project,
    enterprise_project_id: '0',
    charge_mode: 'provided',
    deploy_mode: 'container',
    vpc_id: 'vpc-1',
    base_resources: [cluster],
    optional_resources: [balancer],
    creator: 'admin',
    create_time: created.at('create_time'),
    update_time: created.at('create_time'),
  });
  assert.deepEqual((await stage.get(`/environments/${id}`)).body, created.body);
  assert.deepEqual((await stage.get('/environments?order_by=name')).each('environments', 'name'), [
    'test',
    'local',
  ]);
  const changed = await stage.put(`/environments/${id}`, { alias: '', description: 'x', name: null });
  assert.deepEqual([changed.at('alias'), changed.at('description'), changed.at('name')], ['', 'x', 'test']);
  assert.equal((await stage.delete(`/environments/${id}`)).status, 204);
  assert.equal((await stage.get(`/environments/${id}`)).problem, '404 SVCSTG.00100411');
});

test('names are taken without regard to case', async (t) => {
  const stage = await openStage(t);
  const body = { name: 'LOCAL', vpc_id: 'v', base_resources: [{ id: 'c', type: 'cce' }] };
  assert.equal((await stage.post('/environments', body)).problem, '400 SVCSTG.00100449');
});

test('without a base resource there is no environment', async (t) => {
  const stage = await openStage(t);
  for (const base_resources of [[], undefined, null]) {
    const answer = await stage.post('/environments', { name: 'test', vpc_id: 'v', base_resources });
    assert.equal(answer.problem, '400 SVCSTG.00100422');
  }
  const wrong = await stage.post('/environments', { name: 'test', vpc_id: 'v', base_resources: [balancer] });
  assert.equal(wrong.problem, '400 SVCSTG.00100400');
  assert.equal((await stage.get('/environments')).at('count'), 1);
});

test('resources are removed first, then added, and keep their order', async (t) => {
  const stage = await openStage(t);
  const created = await stage.post('/environments', {
    name: 'test',
    vpc_id: 'v',
    base_resources: [
      { id: 'a', type: 'cce' },
      { id: 'b', type: 'ecs' },
    ],
    optional_resources: [balancer],
  });
  assert.equal(created.at('deploy_mode'), 'mixed');
  const at = `/environments/${created.text('id')}/resources`;
  const swapped = await stage.patch(at, {
    remove_resources: [
      { id: 'a', type: 'cce' },
      { id: 'b', type: 'ecs' },
      balancer,
      { id: 'none', type: 'rds' },
    ],
    add_base_resources: [
      { id: 'c', type: 'cce' },
      { id: 'a', type: 'cce' },
    ],
    add_optional_resources: [balancer, { id: 'redis-1', type: 'dcs' }],
  });
  assert.deepEqual(swapped.each('base_resources', 'id'), ['c', 'a']);
  assert.deepEqual(swapped.each('optional_resources', 'id'), ['lb-1', 'redis-1']);
  const again = await stage.patch(at, { add_optional_resources: [balancer] });
  assert.deepEqual(again.each('optional_resources', 'id'), ['lb-1', 'redis-1']);
  const none = await stage.patch(at, {
    remove_resources: [
      { id: 'a', type: 'cce' },
      { id: 'c', type: 'cce' },
    ],
  });
  assert.equal(none.problem, '400 SVCSTG.00100422');
  assert.deepEqual((await stage.get(at.replace('/resources', ''))).each('base_resources', 'id'), ['c', 'a']);
});

test('what an instance runs on or refers to is not removed, unless it is added again in the same request', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const { at: one } = await anInstance(stage, at, {
    refer_resources: [
      { id: CLUSTER, type: 'cce', parameters: { namespace: 'default' } },
      { id: LOAD_BALANCER, type: 'elb' },
    ],
  });
  const resources = `/environments/${ENVIRONMENT}/resources`;
  const before = (await stage.get(`/environments/${ENVIRONMENT}`)).body;
  for (const used of [
    { id: CLUSTER, type: 'cce' },
    { id: LOAD_BALANCER, type: 'ELB' },
  ]) {
    const refused = await stage.patch(resources, { remove_resources: [used] });
    assert.equal(refused.problem, '400 SVCSTG.00100400');
    assert.match(refused.text('error_msg'), /is used by instance .+ \("web"\)/);
  }
  assert.deepEqual((await stage.get(`/environments/${ENVIRONMENT}`)).body, before);
  const again = await stage.patch(resources, {
    remove_resources: [
      { id: CLUSTER, type: 'cce' },
      { id: HOST, type: 'ecs' },
    ],
    add_base_resources: [{ id: CLUSTER, type: 'cce' }],
  });
  assert.deepEqual(again.each('base_resources', 'id'), [CLUSTER], 'a host that nothing names goes');
  await stage.store.write((tx) => markInstanceDeleted(tx, instanceId(one.split('/').at(-1) ?? ''), 1));
  const freed = await stage.patch(resources, { remove_resources: [{ id: LOAD_BALANCER, type: 'elb' }] });
  assert.deepEqual(freed.each('optional_resources', 'id'), []);
});

test('"Default" needs every host, and with hosts only those that it picks', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const resources = `/environments/${ENVIRONMENT}/resources`;
  const body = {
    add_base_resources: [{ id: 'host-2', type: 'ecs' }],
    remove_resources: [{ id: 'host-2', type: 'ecs' }],
  };
  await stage.patch(resources, body);
  await anInstance(stage, at, {
    refer_resources: [{ id: 'Default', type: 'ecs', parameters: { hosts: [HOST] } }],
  });
  const other = await stage.patch(resources, { remove_resources: [{ id: 'host-2', type: 'ecs' }] });
  assert.deepEqual(other.each('base_resources', 'id'), [CLUSTER, HOST]);
  const picked = await stage.patch(resources, { remove_resources: [{ id: HOST, type: 'ecs' }] });
  assert.equal(picked.problem, '400 SVCSTG.00100400');
});

test('an environment with instances is not deleted; when they are gone, it is', async (t) => {
  const stage = await openStage(t);
  const { instance } = await anInstance(stage, await aComponent(stage));
  const refused = await stage.delete(`/environments/${ENVIRONMENT}`);
  assert.equal(refused.problem, '400 SVCSTG.00100400');
  assert.match(refused.text('error_msg'), /has instances \(1\)/);
  await stage.store.write((tx) => markInstanceDeleted(tx, instanceId(instance), 1));
  assert.equal((await stage.delete(`/environments/${ENVIRONMENT}`)).status, 204);
});

test('an environment moves to another enterprise project', async (t) => {
  const stage = await openStage(t);
  const at = `/environments/${ENVIRONMENT}`;
  const sys_tags = [{ key: '_sys_enterprise_project_id', value: 'ep-1' }];
  const moved = await stage.post(`${at}/tags/create`, { action: 'create', sys_tags });
  assert.deepEqual([moved.status, moved.at('enterprise_project_id')], [200, 'ep-1']);
  assert.deepEqual((await stage.get(at)).body, moved.body);
});
