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

test('what cannot be run or read is refused in a sentence', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  const code = (spec: object) => ({ source: { kind: 'code', spec } });
  const repo_url = 'https://git.example.org/shop/cart.git';
  const rows = [
    {
      row: { source: { kind: 'artifact', spec: { ...source.spec, type: 'image' } } },
      says: /container driver/,
    },
    {
      row: { source: { kind: 'artifact', spec: { ...source.spec, url: '' } } },
      says: /source\.spec\.url.*missing/,
    },
    {
      row: {
        source: { kind: 'artifact', spec: { ...source.spec, url: 'https://ann:secret@example.org/a.jar' } },
      },
      says: /source\.spec\.url" holds a user name or password/,
    },
    {
      row: {
        source: {
          kind: 'artifact',
          spec: { ...source.spec, properties: { endpoint: 'ann:secret@obs.example.org' } },
        },
      },
      says: /source\.spec\.properties\.endpoint" holds a user name or password/,
    },
    { row: code({ repo_type: 'GitHub' }), says: /source\.spec\.repo_url" is missing.*needs repo_url/ },
    {
      row: code({ repo_url: 'git@example.org:shop/cart.git' }),
      says: /expected the http:\/\/ or https:\/\//,
    },
    { row: code({ repo_url: 'file:///etc' }), says: /is no such address/ },
    { row: code({ repo_url: 'https://ann:secret@git.example.org/a.git' }), says: /user name or password/ },
    { row: code({ repo_url: 'https://git.example.org/a.git?token=1' }), says: /query/ },
    { row: code({ repo_url, repo_ref: '--upload-pack=touch' }), says: /repo_ref.*takes for no name/ },
    { row: code({ repo_url, repo_ref: 'a..b' }), says: /takes for no name/ },
    { row: code({ repo_url, repo_auth: 'nobody' }), says: /"nobody".*does not exist in this project/ },
    { row: { build: { parameters: { build_cmd: 7 } } }, says: /build_cmd/ },
  ];
  for (const { row, says } of rows) {
    const answer = await stage.post(at, { ...body, ...row });
    assert.equal(answer.problem, '400 SVCSTG.00100400', JSON.stringify(row));
    assert.match(answer.text('error_msg'), says);
    assert.ok(!answer.text('error_msg').includes('secret'));
  }
  assert.equal((await stage.post(at, { ...body, build: { parameters: {} } })).at('build'), null);
  assert.equal((await stage.get(at)).at('count'), 1);
});

test('code and its build are answered as they were sent, the misspelt cluster name in both spellings', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  const spec = {
    repo_type: 'gitlab',
    repo_url: 'https://git.example.org/shop/cart.git',
    repo_ref: 'feature/cart',
    repo_namespace: 'shop',
  };
  const parameters = {
    build_cmd: 'make && make install',
    dockerfile_path: './docker',
    artifact_namespace: 'shop',
    cluster_id: 'c-1',
    node_label_selector: { build: 'yes' },
    use_public_cluster: false,
  };
  const created = await stage.post(at, {
    ...body,
    source: { kind: 'code', spec: { ...spec, properties: {}, repo_auth: '' } },
    build: { parameters: { ...parameters, clsuter_name: 'k1' } },
  });
  assert.deepEqual(created.at('source'), { kind: 'code', spec });
  const build = created.text('build', 'id');
  assert.deepEqual(created.at('build'), {
    id: build,
    parameters: { ...parameters, cluster_name: 'k1', clsuter_name: 'k1' },
  });
  const id = created.text('id');
  // Empty objects change nothing; what is given replaces the old as a whole.
  const same = await stage.put(`${at}/${id}`, { build: { parameters: {} }, description: '' });
  assert.deepEqual(same.at('build'), created.at('build'));
  assert.equal(same.at('description'), '');
  const next = await stage.put(`${at}/${id}`, {
    build: { parameters: { build_cmd: 'make' } },
    category: 'Webapp',
    sub_category: 'Web',
  });
  assert.deepEqual(next.at('build'), { id: build, parameters: { build_cmd: 'make' } });
  assert.deepEqual(next.at('source'), created.at('source'));
  assert.equal(next.at('category'), 'Common');
  assert.equal(next.at('sub_category'), null);
});

test('categories are the three of the contract, a sub-category is any text', async (t) => {
  const stage = await openStage(t);
  const at = await componentsOf(stage);
  const categories = ['Webapp', 'MicroService', 'Common'];
  for (const [index, category] of categories.entries()) {
    const created = await stage.post(at, {
      ...body,
      name: `c-${index}`,
      category,
      sub_category: 'Java Classis',
    });
    assert.equal(created.at('category'), category);
    assert.equal(created.at('sub_category'), 'Java Classis');
  }
  const refused = await stage.post(at, { ...body, category: 'webapps' });
  assert.equal(refused.problem, '400 SVCSTG.00100400');
  assert.match(refused.text('error_msg'), /Webapp, MicroService, Common/);
});

test('an unknown runtime is refused by its own code, naming those there are', async (t) => {
  const stage = await openStage(t);
  const answer = await stage.post(await componentsOf(stage), { ...body, runtime: 'Cobol1' });
  assert.equal(answer.problem, '400 SVCSTG.00100420');
  assert.match(answer.text('error_msg'), /Cobol1.*Tomcat8, Nodejs8, Php7/);
});
