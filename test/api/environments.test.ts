import assert from 'node:assert/strict';
import { test } from 'node:test';
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
