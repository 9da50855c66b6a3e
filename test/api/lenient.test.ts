import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { ENVIRONMENT, openStage } from './stage.ts';

test('what no schema knows is ignored, at any depth, and null is as good as absent', async (t) => {
  const stage = await openStage(t);
  const application = await stage.post('/applications', {
    name: 'shop',
    description: null,
    enterprise_project_id: null,
    labels: [{ a: null }],
    $schema: 1,
  });
  assert.deepEqual(
    [application.status, application.at('description'), application.at('enterprise_project_id')],
    [200, null, '0'],
  );
  assert.equal(application.at('labels'), undefined);
  const at = await aComponent(stage);
  const { at: one } = await anInstance(stage, at, {
    external_accesses: null,
    configuration: { env: [{ name: 'A', value: '1', from: {} }], sidecars: { deep: [1] }, probes: null },
    description: null,
  });
  assert.deepEqual((await stage.get(one)).at('configuration'), {
    env: [{ name: 'A', value: '1', internal: false }],
  });
});

test('a version is text or a number, and text in every answer', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  for (const [version, shown] of [
    [2, '2'],
    [1.5, '1.5'],
    ['1.0.0', '1.0.0'],
  ] as const) {
    const { at: one } = await anInstance(stage, at, { name: `web-${shown.replaceAll('.', '-')}`, version });
    assert.equal((await stage.get(one)).at('version'), shown);
  }
});

test('a scheme and a protocol are taken in any case; empty ones are the default', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const cases = [
    ['http', 'HTTP'],
    ['HTTP', 'HTTP'],
    ['Http', 'HTTP'],
    ['', 'HTTP'],
  ] as const;
  for (const [index, [sent, shown]] of cases.entries()) {
    const parameters = { scheme: sent, port: 8080, path: '/' };
    const { at: one } = await anInstance(stage, at, {
      name: `web-${index}`,
      configuration: { probes: { readinessProbe: { type: 'http', parameters } } },
      external_accesses: [{ protocol: sent, address: `a-${index}.example.org`, forward_port: 8080 }],
    });
    const answer = await stage.get(one);
    assert.equal(answer.at('external_accesses', 0, 'protocol'), shown);
    const scheme = answer.at('configuration', 'probes', 'readinessProbe', 'parameters', 'scheme');
    assert.equal(scheme, sent === '' ? undefined : shown);
  }
});

test('an empty object changes nothing, an empty list removes all', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const created = await stage.post(at, {
    ...instanceBody,
    configuration: { env: [{ name: 'A', value: '1' }] },
    external_accesses: [{ protocol: 'HTTP', address: 'shop.example.org', forward_port: 8080 }],
  });
  await served(stage, created);
  const one = `${at}/${created.text('instance_id')}`;
  const changed = await stage.put(one, {
    version: '1.0.1',
    name: instanceBody.name,
    environment_id: ENVIRONMENT,
    configuration: {},
    external_accesses: [],
  });
  await served(stage, changed, 2);
  const shown = await stage.get(one);
  assert.deepEqual(shown.at('configuration', 'env'), [{ name: 'A', value: '1', internal: false }]);
  assert.ok(!shown.raw.includes('shop.example.org'));
});

test('what cannot change of a component is ignored; of two variables of a name the last one wins', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const component = at.replace('/instances', '');
  const changed = await stage.put(component, {
    runtime: 'Php7',
    category: 'Webapp',
    sub_category: 'Java Classis',
    description: 'x',
  });
  assert.deepEqual(
    ['runtime', 'category', 'sub_category', 'description'].map((name) => changed.at(name)),
    ['Tomcat8', 'Common', null, 'x'],
  );
  const { at: one } = await anInstance(stage, at, {
    configuration: {
      env: [
        { name: 'A', value: 'first' },
        { name: 'A', value: 'last' },
      ],
    },
  });
  assert.deepEqual((await stage.get(one)).at('configuration', 'env'), [
    { name: 'A', value: 'last', internal: false },
  ]);
});

test('a count to scale to is taken as digits too', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const created = await stage.post(at, instanceBody);
  await served(stage, created);
  const one = `${at}/${created.text('instance_id')}`;
  const scaled = await stage.post(`${one}/action`, { action: 'scale', parameters: { replica: '3' } });
  assert.equal(scaled.status, 200, scaled.raw);
});

test('words of a resource type, and queries that are true or false, are taken in any case', async (t) => {
  const stage = await openStage(t);
  const resources = [{ id: 'c', type: 'CcE' }];
  const created = await stage.post('/environments', { name: 'ab', vpc_id: 'v', base_resources: resources });
  assert.deepEqual(created.each('base_resources', 'type'), ['cce']);
  const at = await aComponent(stage);
  await anInstance(stage, at);
  assert.equal((await stage.delete(`${at.replace('/instances', '')}?force=TRUE`)).status, 204);
});
