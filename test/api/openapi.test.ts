import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, ownDocument } from './schemas.ts';
import { openStage } from './stage.ts';

test('every operation of the contract is served, by its name, method and path', async (t) => {
  const stage = await openStage(t);
  const own = ownDocument(stage.api.app);
  assert.equal(contract.operations.length, 56);
  const unserved = contract.operations.filter(
    ({ method, path, operation }) => own.find(method, path)?.operation.operationId !== operation.operationId,
  );
  assert.deepEqual(unserved, []);
});

test('the document names each operation once, with its errors', async (t) => {
  const stage = await openStage(t);
  const answer = await stage.send({ method: 'GET', url: '/openapi.json' });
  assert.equal(answer.at('openapi'), '3.1.0');
  const { operations } = ownDocument(stage.api.app);
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, 'no name is used twice');
  for (const { path, operation } of operations.filter(({ path: one }) => one.startsWith('/v2/'))) {
    for (const status of ['400', '401', '403', '404', '503']) {
      assert.ok(operation.responses[status], `${operation.operationId} ${path} ${status}`);
    }
  }
});

test('every reference in the document leads somewhere', async (t) => {
  const stage = await openStage(t);
  const { raw, body } = await stage.send({ method: 'GET', url: '/openapi.json' });
  const names = [...raw.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? '');
  assert.ok(names.length > 50);
  for (const name of new Set(names)) assert.ok(Object.hasOwn(Object(body).components.schemas, name), name);
});

test('health, readiness and version need no token', async (t) => {
  let reason: string | undefined = 'The store does not answer; look at the disk.';
  const stage = await openStage(t, {
    notReady: async () => reason,
    fences: () => [{ fence: 'users' }, { fence: 'kill', lack: 'no cgroup' }],
  });
  const get = (url: string) => stage.send({ method: 'GET', url });
  assert.deepEqual((await get('/healthz')).body, { status: 'ok' });
  const early = await get('/readyz');
  assert.equal(early.problem, '503 SVCSTG.00100503');
  assert.equal(early.at('error_msg'), reason);
  reason = undefined;
  assert.deepEqual((await get('/readyz')).body, { status: 'ok' });
  const verbose = await get('/readyz?verbose');
  assert.deepEqual(
    [0, 1].map((index) => ['name', 'in_force', 'lack'].map((name) => verbose.at('fences', index, name))),
    [
      ['users', true, undefined],
      ['kill', false, 'no cgroup'],
    ],
  );
  assert.deepEqual((await get('/version')).body, {
    name: 'openstage',
    version: '0.0.0-test',
    region: 'local',
  });
});

test('metadata: runtimes and flavors are told as the contract writes them', async (t) => {
  const stage = await openStage(t);
  const runtimes = await stage.get('/metadata/runtimes');
  assert.deepEqual(runtimes.at('runtimes', 2), {
    type_name: 'Php7',
    display_name: 'PHP 7',
    container_default_port: 80,
    type_desc: 'PHP',
  });
  const flavors = await stage.get('/metadata/flavors');
  assert.deepEqual(flavors.at('flavors', 1), {
    flavor_id: 'SMALL-10G:1.0C:2G',
    storage_size: '10G',
    num_cpu: '1000m',
    num_cpu_init: '400m',
    memory_size: '2Gi',
    memory_size_init: '400Mi',
    label: 'Small: 10G Storage, 1 CPU, 2G Memory',
    custom: false,
  });
});

test('metadata: templates are an empty list, one that pagers take', async (t) => {
  const stage = await openStage(t);
  assert.deepEqual((await stage.get('/metadata/templates')).body, { templates: [] });
});
