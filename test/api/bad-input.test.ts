import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent } from './builders.ts';
import { INVALID, MALFORMED, refuseAll, send } from './refuse-all.ts';
import { ENVIRONMENT, openStage } from './stage.ts';

test('bodies that are no JSON object are refused, naming what was expected', async (t) => {
  const stage = await openStage(t);
  const path = '/applications';
  await refuseAll(stage, [
    { path, bytes: '', problem: INVALID, says: /body is missing; expected a JSON object/ },
    { path, bytes: '{"name":', problem: MALFORMED, says: /not JSON/ },
    { path, bytes: '[]', problem: INVALID, says: /expected a JSON object/ },
    { path, bytes: '"text"', problem: INVALID, says: /expected a JSON object/ },
    { path, bytes: 'null', problem: INVALID, says: /missing; expected a JSON object/ },
    { path, bytes: Buffer.from([0x7b, 0xff, 0x7d]), problem: MALFORMED, says: /UTF-8/ },
    { path, bytes: `${'['.repeat(10_000)}${']'.repeat(10_000)}`, problem: MALFORMED, says: /nested/ },
    { path, bytes: '{"name":"ab","description":"\\u0000"}', problem: INVALID, says: /"description".*NUL/ },
    { path, bytes: '{"name":"ab","description":"\\ud800"}', problem: INVALID, says: /surrogate/ },
    { path, bytes: '{"name":"ab","x":1e999}', problem: INVALID, says: /"x".*large/ },
    {
      path,
      bytes: 'name=ab',
      type: 'application/x-www-form-urlencoded',
      problem: MALFORMED,
      says: /Content-Type.*application\/json/,
    },
    { path, bytes: '<a/>', type: 'text/xml', problem: MALFORMED, says: /Content-Type/ },
    { path, bytes: '{}', type: 'nonsense', problem: MALFORMED, says: /./ },
  ]);
});

test('applications: names, texts and types are held to their limits', async (t) => {
  const stage = await openStage(t);
  const path = '/applications';
  const name = /Field "name" is .*; expected 2-64 letters/;
  await refuseAll(stage, [
    { path, body: {}, problem: INVALID, says: /Field "name" is missing; expected 2-64 letters/ },
    { path, body: { name: null }, problem: INVALID, says: /"name" is missing/ },
    { path, body: { name: 5 }, problem: INVALID, says: name },
    { path, body: { name: 'a' }, problem: INVALID, says: name },
    { path, body: { name: 'a'.repeat(65) }, problem: INVALID, says: name },
    { path, body: { name: 'a'.repeat(100_000) }, problem: INVALID, says: name },
    { path, body: { name: '1a' }, problem: INVALID, says: name },
    { path, body: { name: 'a-' }, problem: INVALID, says: name },
    { path, body: { name: 'a b' }, problem: INVALID, says: name },
    { path, body: { name: 'ab\n' }, problem: INVALID, says: name },
    { path, body: { name: '../../etc' }, problem: INVALID, says: name },
    { path, body: { name: 'äpfel' }, problem: INVALID, says: name },
    { path, body: { name: ['ab'] }, problem: INVALID, says: name },
    {
      path,
      body: { name: 'ab', description: 'x'.repeat(129) },
      problem: INVALID,
      says: /"description".*128/,
    },
    { path, body: { name: 'ab', description: {} }, problem: INVALID, says: /"description"/ },
    {
      path: `${path}/nowhere`,
      method: 'PUT',
      body: { name: 'ab' },
      problem: '404 SVCSTG.00100403',
      says: /nowhere/,
    },
    { path: `${path}/nowhere`, method: 'DELETE', bytes: '', problem: '404 SVCSTG.00100403', says: /nowhere/ },
    {
      path: `${path}/nowhere/configuration`,
      method: 'DELETE',
      bytes: '',
      problem: INVALID,
      says: /environment_id/,
    },
    { path: `${path}/a%00b`, method: 'DELETE', bytes: '', problem: INVALID, says: /application_id.*control/ },
    {
      path: `${path}/x/configuration`,
      method: 'PUT',
      body: { environment_id: ENVIRONMENT, configuration: { env: [{ name: '1A', value: 'x' }] } },
      problem: INVALID,
      says: /Field "configuration\.env\[0\]\.name" is "1A"/,
    },
    {
      path: `${path}/x/configuration`,
      method: 'PUT',
      body: { environment_id: ENVIRONMENT, configuration: { env: [{ name: 'A', value: 123456 }] } },
      problem: INVALID,
      says: /^(?!.*123456).*"configuration\.env\[0\]\.value"/,
    },
  ]);
});

test('environments and components: missing and mistyped fields are named', async (t) => {
  const stage = await openStage(t);
  const at = (await aComponent(stage)).replace(/\/[^/]+\/instances$/, '');
  const environment = { name: 'test', vpc_id: 'v', base_resources: [{ id: 'c', type: 'cce' }] };
  const component = { name: 'ab', runtime: 'Tomcat8', category: 'Common' };
  await refuseAll(stage, [
    {
      path: '/environments',
      body: { ...environment, vpc_id: undefined },
      problem: INVALID,
      says: /"vpc_id" is missing/,
    },
    {
      path: '/environments',
      body: { ...environment, base_resources: {} },
      problem: INVALID,
      says: /"base_resources"/,
    },
    {
      path: '/environments',
      body: { ...environment, base_resources: [{ id: 'c' }] },
      problem: INVALID,
      says: /"base_resources\[0\]\.type" is missing/,
    },
    {
      path: '/environments',
      body: { ...environment, base_resources: [null] },
      problem: INVALID,
      says: /"base_resources\[0\]"/,
    },
    {
      path: '/environments',
      body: { ...environment, deploy_mode: 'x' },
      problem: INVALID,
      says: /"deploy_mode" is "x"; expected one of virtualmachine, container, mixed/,
    },
    {
      path: '/environments',
      body: { ...environment, alias: 'x'.repeat(97) },
      problem: INVALID,
      says: /"alias"/,
    },
    {
      path: `/environments/${ENVIRONMENT}/resources`,
      method: 'PATCH',
      body: { remove_resources: 'all' },
      problem: INVALID,
      says: /"remove_resources"/,
    },
    {
      path: `/environments/nowhere/resources`,
      method: 'PATCH',
      body: {},
      problem: '404 SVCSTG.00100411',
      says: /nowhere/,
    },
    {
      path: at,
      body: { ...component, category: 'common' },
      problem: INVALID,
      says: /"category" is "common"; expected one of Webapp/,
    },
    { path: at, body: { ...component, runtime: undefined }, problem: INVALID, says: /"runtime" is missing/ },
    {
      path: at,
      body: { ...component, source: {} },
      problem: INVALID,
      says: /"source\.kind" is missing|"source\.spec" is missing/,
    },
    {
      path: at,
      body: { ...component, source: { kind: 'zip', spec: {} } },
      problem: INVALID,
      says: /"source\.kind"/,
    },
    {
      path: at,
      body: { ...component, source: { kind: 'artifact', spec: { storage: 'disk' } } },
      problem: INVALID,
      says: /"source\.spec\.storage"/,
    },
    {
      path: at,
      body: { ...component, source: { kind: 'artifact', spec: {} } },
      problem: INVALID,
      says: /"source\.spec\.url" is missing; .* needs storage, type and url/,
    },
    {
      path: '/applications/nowhere/components',
      body: component,
      problem: '404 SVCSTG.00100403',
      says: /nowhere/,
    },
  ]);
});

test('unknown members and poisoned ones are ignored; what the server owns is not taken from a body', async (t) => {
  const stage = await openStage(t);
  const answer = await send(stage, {
    path: '/applications',
    bytes: `{"__proto__":{"description":"x"},"constructor":{"prototype":{"a":1}},"id":"mine","project_id":"other","creator":"root","create_time":1,"component_count":9,"enterprise_project_id":null,"name":"shop"}`,
    problem: '',
    says: /./,
  });
  assert.equal(answer.status, 200);
  assert.notEqual(answer.at('id'), 'mine');
  assert.deepEqual(
    [answer.at('project_id'), answer.at('creator'), answer.at('description')],
    [stage.project, 'admin', null],
  );
  assert.ok(Number(answer.at('create_time')) > 1);
  assert.equal((await stage.get(`/applications/${answer.text('id')}`)).at('component_count'), 0);
  assert.equal(Object.hasOwn(Object.prototype, 'a'), false);
});
