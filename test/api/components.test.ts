import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage, type Stage } from './stage.ts';

const source = {
  kind: 'artifact',
  spec: { storage: 'swr', type: 'package', url: 'https://packages.example.org/a.jar', auth: 'iam' },
};
const body = {
  name: 'component-a',
  runtime: 'Tomcat8',
  category: 'Common',
  description: 'component_desc',
  source,
};

async function componentsOf(stage: Stage): Promise<string> {
  return `/applications/${(await stage.post('/applications', { name: 'shop' })).text('id')}/components`;
}

test('a component is created with the body of the document, shown, listed, changed and deleted', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  const created = await stage.post(at, body);
  const id = created.text('id');
  assert.deepEqual(created.body, {
    id,
    application_id: at.split('/')[2],
    name: 'component-a',
    status: 0,
    runtime: 'Tomcat8',
    category: 'Common',
    sub_category: null,
    description: 'component_desc',
    project_id: stage.project,
    source,
    build: null,
    pipeline_ids: [],
    create_time: created.at('create_time'),
    update_time: created.at('create_time'),
    creator: 'admin',
  });
  assert.deepEqual((await stage.get(`${at}/${id}`)).body, created.body);
  const list = await stage.get(at);
  assert.equal(list.at('count'), 1);
  assert.equal(list.at('components', 0, 'pipeline_ids'), undefined);
  assert.equal(list.at('components', 0, 'id'), id);
  const changed = await stage.put(`${at}/${id}`, {
    name: 'component-b',
    runtime: 'Php7',
    description: '',
    source: {
      kind: 'artifact',
      spec: { ...source.spec, url: 'https://packages.example.org/b.jar', properties: {} },
    },
  });
  assert.equal(changed.at('name'), 'component-b');
  assert.equal(changed.at('runtime'), 'Tomcat8');
  assert.equal(changed.at('description'), '');
  assert.deepEqual(changed.at('source', 'spec'), {
    ...source.spec,
    url: 'https://packages.example.org/b.jar',
  });
  assert.equal((await stage.delete(`${at}/${id}`)).status, 204);
  assert.equal((await stage.get(`${at}/${id}`)).problem, '404 SVCSTG.00100404');
});

test('names are taken without regard to case within one application', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  await stage.post(at, body);
  assert.equal((await stage.post(at, { ...body, name: 'Component-A' })).problem, '400 SVCSTG.00100400');
  const other = (await stage.post('/applications', { name: 'other' })).text('id');
  assert.equal((await stage.post(`/applications/${other}/components`, body)).status, 200);
});

test('the overviews stand before a component of that name and carry instances', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  await stage.post(at, body);
  const overviews = await stage.get(`${at}/overviews`);
  assert.equal(overviews.at('count'), 1);
  assert.deepEqual(overviews.at('components', 0, 'instances'), []);
});

test('what cannot be built or run yet is refused in a sentence', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  const rows = [
    {
      row: { source: { kind: 'code', spec: { repo_type: 'GitHub', repo_url: 'u', repo_auth: 'a' } } },
      says: /"code"/,
    },
    {
      row: { source: { kind: 'artifact', spec: { ...source.spec, type: 'image' } } },
      says: /container driver/,
    },
    {
      row: { source: { kind: 'artifact', spec: { ...source.spec, url: '' } } },
      says: /source\.spec\.url.*missing/,
    },
    { row: { build: { parameters: { build_cmd: 'make' } } }, says: /"build" does nothing yet/ },
  ];
  for (const { row, says } of rows) {
    const answer = await stage.post(at, { ...body, ...row });
    assert.equal(answer.problem, '400 SVCSTG.00100400');
    assert.match(answer.text('error_msg'), says);
  }
  assert.equal((await stage.post(at, { ...body, build: { parameters: {} } })).status, 200);
  assert.equal((await stage.get(at)).at('count'), 1);
});

test('an unknown runtime is refused by its own code, naming those there are', async (t) => {
  const stage = await openStage(t);
  const answer = await stage.post(await componentsOf(stage), { ...body, runtime: 'Cobol1' });
  assert.equal(answer.problem, '400 SVCSTG.00100420');
  assert.match(answer.text('error_msg'), /Cobol1.*Tomcat8, Nodejs8, Php7/);
});
