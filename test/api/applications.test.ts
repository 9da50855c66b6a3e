import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENVIRONMENT, openStage } from './stage.ts';

test('an application is created, shown, listed, changed and deleted', async (t) => {
  const stage = await openStage(t);
  const created = await stage.post('/applications', { name: 'shop', description: 'web shop' });
  assert.equal(created.status, 200);
  const id = created.text('id');
  assert.deepEqual(created.body, {
    id,
    name: 'shop',
    description: 'web shop',
    creator: 'admin',
    project_id: stage.project,
    enterprise_project_id: '0',
    create_time: created.at('create_time'),
    update_time: created.at('create_time'),
    unified_model: null,
  });
  const shown = await stage.get(`/applications/${id}`);
  assert.deepEqual(shown.body, { ...Object(created.body), component_count: 0 });
  const list = await stage.get('/applications?order_by=name&order=asc');
  assert.deepEqual(list.each('applications', 'name'), ['default', 'shop']);
  assert.equal(list.at('count'), 2);
  const emptied = await stage.put(`/applications/${id}`, { description: '' });
  assert.deepEqual([emptied.at('description'), emptied.at('name')], ['', 'shop']);
  const gone = await stage.delete(`/applications/${id}`);
  assert.deepEqual([gone.status, gone.raw], [204, '']);
  assert.equal((await stage.get(`/applications/${id}`)).problem, '404 SVCSTG.00100403');
});

test('a name in use is refused on create and on change', async (t) => {
  const stage = await openStage(t);
  const id = (await stage.post('/applications', { name: 'shop' })).text('id');
  assert.equal((await stage.post('/applications', { name: 'shop' })).problem, '400 SVCSTG.00100458');
  assert.equal((await stage.put(`/applications/${id}`, { name: 'default' })).problem, '400 SVCSTG.00100458');
  assert.equal((await stage.get(`/applications/${id}`)).at('name'), 'shop');
});

test('an application with components is not deleted', async (t) => {
  const stage = await openStage(t);
  const id = (await stage.post('/applications', { name: 'shop' })).text('id');
  const component = await stage.post(`/applications/${id}/components`, {
    name: 'cart',
    runtime: 'Nodejs8',
    category: 'Common',
  });
  assert.equal((await stage.delete(`/applications/${id}`)).problem, '400 SVCSTG.00100400');
  assert.equal((await stage.get(`/applications/${id}`)).at('component_count'), 1);
  await stage.delete(`/applications/${id}/components/${component.text('id')}`);
  assert.equal((await stage.delete(`/applications/${id}`)).status, 204);
});

test('an application keeps one list of variables per environment', async (t) => {
  const stage = await openStage(t);
  const id = (await stage.post('/applications', { name: 'shop' })).text('id');
  const at = `/applications/${id}/configuration`;
  assert.deepEqual((await stage.get(at)).body, { configuration: [] });
  const env = [
    { name: 'LEVEL', value: 'warn' },
    { name: 'LEVEL', value: 'info' },
  ];
  const put = await stage.put(at, { environment_id: ENVIRONMENT, configuration: { env } });
  const record = {
    application_id: id,
    environment_id: ENVIRONMENT,
    configuration: { env: [{ name: 'LEVEL', value: 'info' }] },
  };
  assert.deepEqual(put.body, record);
  const shown = await stage.get(`${at}?environment_id=${ENVIRONMENT}`);
  assert.deepEqual(shown.body, { configuration: [record] });
  const emptied = await stage.put(at, { environment_id: ENVIRONMENT, configuration: {} });
  assert.deepEqual(emptied.at('configuration'), { env: [] });
  assert.equal((await stage.delete(`${at}?environment_id=${ENVIRONMENT}`)).status, 204);
  assert.equal((await stage.delete(`${at}?environment_id=${ENVIRONMENT}`)).status, 204);
  assert.deepEqual((await stage.get(at)).body, { configuration: [] });
  const unknown = await stage.put(at, { environment_id: 'nowhere', configuration: { env: [] } });
  assert.equal(unknown.problem, '404 SVCSTG.00100411');
});

test('an application moves to another enterprise project; the job that is answered has succeeded', async (t) => {
  const stage = await openStage(t);
  const id = (await stage.post('/applications', { name: 'shop' })).text('id');
  const at = `/applications/${id}/tags/create`;
  const body = (changes: object) => ({
    action: 'create',
    sys_tags: [{ key: '_sys_enterprise_project_id', value: 'ep-1' }],
    ...changes,
  });
  const moved = await stage.post(at, body({}));
  assert.equal(moved.at('application_id'), id);
  assert.equal((await stage.get(`/applications/${id}`)).at('enterprise_project_id'), 'ep-1');
  const job = await stage.get(`/jobs/${moved.text('job_id')}`);
  assert.deepEqual(
    ['EXECUTION_STATUS', 'JOB_TYPE', 'JOB_NAME', 'SERVICE_INSTANCE_ID'].map((name) => job.at('job', name)),
    ['SUCCEEDED', 'DAILY_OPERATION', 'operation/moveApplication', ''],
  );
  assert.equal(job.at('task_count'), 1);
  assert.deepEqual(job.each('tasks', 'TASK_STATUS'), ['SUCCEEDED']);
  const again = await stage.post(at, body({}));
  assert.equal(again.status, 200, 'nothing is open that it would have to wait for');
  for (const wrong of [
    { action: 'delete' },
    { sys_tags: [] },
    { sys_tags: [{ key: 'color', value: 'red' }] },
    { sys_tags: null },
  ]) {
    assert.equal((await stage.post(at, body(wrong))).problem, '400 SVCSTG.00100400', JSON.stringify(wrong));
  }
  const unknown = await stage.post('/applications/nowhere/tags/create', body({}));
  assert.equal(unknown.problem, '404 SVCSTG.00100403');
});
