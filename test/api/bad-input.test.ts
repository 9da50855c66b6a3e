import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { CLUSTER, ENVIRONMENT, openStage, type Answer, type Stage } from './stage.ts';

interface Row {
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Text that is sent as it is, in place of a body. */
  readonly bytes?: string | Buffer;
  readonly type?: string;
  readonly problem: string;
  readonly says: RegExp;
}

const INVALID = '400 SVCSTG.00100400';
const MALFORMED = '400 APIG.0201';

function send(stage: Stage, row: Row): Promise<Answer> {
  return stage.send({
    method: row.method ?? 'POST',
    url: stage.at(row.path),
    headers: { 'x-auth-token': stage.token, 'content-type': row.type ?? 'application/json' },
    payload: row.bytes ?? JSON.stringify(row.body),
  });
}

/** Everything that a request could have changed. */
async function everything(stage: Stage): Promise<unknown> {
  const rows: unknown[] = [];
  for (const table of [
    'applications',
    'components',
    'environments',
    'environment_resources',
    'instances',
    'releases',
    'jobs',
    'tasks',
    'application_configurations',
  ] as const) {
    rows.push(await stage.store.read.selectFrom(table).selectAll().execute());
  }
  return rows;
}

async function refuseAll(stage: Stage, rows: readonly Row[]): Promise<void> {
  const before = await everything(stage);
  for (const row of rows) {
    const answer = await send(stage, row);
    const title = `${row.method ?? 'POST'} ${row.path} ${String(row.bytes ?? JSON.stringify(row.body)).slice(0, 200)}: ${answer.raw}`;
    assert.equal(answer.problem, row.problem, title);
    assert.match(answer.text('error_msg'), row.says, title);
    assert.ok(!answer.raw.includes('node:') && !answer.raw.includes('.ts:'), title);
    assert.ok(answer.raw.length < 1000, title);
  }
  assert.deepEqual(await everything(stage), before);
}

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
      says: /"source\.spec\.storage" is missing/,
    },
    {
      path: '/applications/nowhere/components',
      body: component,
      problem: '404 SVCSTG.00100403',
      says: /nowhere/,
    },
  ]);
});

test('instances: every field of a create is held to its form, and what does nothing yet is refused', async (t) => {
  const stage = await openStage(t);
  const path = await aComponent(stage);
  const create = (changes: object, says: RegExp, problem = INVALID): Row => ({
    path,
    body: { ...instanceBody, ...changes },
    problem,
    says,
  });
  const probe = { type: 'http', parameters: { port: 8080 } };
  const configured = (configuration: object, says: RegExp) => create({ configuration }, says);
  await refuseAll(stage, [
    create({ name: undefined }, /"name" is missing; expected 2-63 lower-case/),
    create({ name: 'Web' }, /"name" is "Web"/),
    create({ environment_id: 'nowhere' }, /nowhere/, '404 SVCSTG.00100411'),
    create({ replica: undefined }, /"replica" is missing; expected a whole number/),
    create({ replica: 'two' }, /"replica" is "two"; expected a whole number from 0/),
    create({ replica: '2' }, /"replica"/),
    create({ replica: -1 }, /"replica" is -1/),
    create({ replica: 1.5 }, /"replica" is 1.5/),
    create({ replica: 1e9 }, /"replica"/),
    create({ version: undefined }, /"version" is missing/),
    create({ version: '' }, /"version" is ""/),
    create({ version: true }, /"version" is true; expected 1-64 letters/),
    create({ version: 'a b' }, /"version"/),
    create({ version: '../1' }, /"version"/),
    create({ version: 'x'.repeat(65) }, /"version"/),
    create({ flavor_id: 'HUGE' }, /flavor_id "HUGE"/),
    create({ flavor_id: 5 }, /"flavor_id"/),
    create({ refer_resources: undefined }, /"refer_resources" is missing/),
    create({ refer_resources: [{ type: 'cce' }] }, /"refer_resources\[0\]\.id" is missing/),
    create({ refer_resources: [{ id: 'other', type: 'cce' }] }, /other/),
    create(
      {
        refer_resources: [
          { id: CLUSTER, type: 'cce' },
          { id: 'none', type: 'elb' },
        ],
      },
      /none/,
      '404 SVCSTG.00100424',
    ),
    create({ artifacts: undefined }, /artifacts/, '400 SVCSTG.00100425'),
    create({ artifacts: {} }, /artifacts/, '400 SVCSTG.00100425'),
    create({ artifacts: [] }, /"artifacts"/),
    create({ artifacts: { a: { ...instanceBody.artifacts.web, type: 'image' } } }, /container driver/),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, url: undefined } } },
      /"artifacts\.a\.url" is missing/,
    ),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, storage: 'ftp' } } },
      /"artifacts\.a\.storage"/,
    ),
    create({ artifacts: { 'a\nb': instanceBody.artifacts.web } }, /"artifacts"/),
    create({ description: 'x'.repeat(129) }, /"description"/),
    create({ external_accesses: [{ protocol: 'ftp' }] }, /"external_accesses\[0\]\.protocol"/),
    create({ external_accesses: [{ address: 'a/b' }] }, /"external_accesses\[0\]\.address"/),
    create(
      { external_accesses: [{ forward_port: 70000 }] },
      /"external_accesses\[0\]\.forward_port" is 70000; expected a port/,
    ),
    create({ external_accesses: [{ forward_port: 1 }, { forward_port: 2 }] }, /1.*2/),
    configured({ env: { A: '1' } }, /"configuration\.env"/),
    configured({ env: [{ name: 'A' }] }, /"configuration\.env\[0\]\.value" is missing/),
    configured({ env: [{ name: 'A B', value: '' }] }, /"configuration\.env\[0\]\.name" is "A B"/),
    configured({ strategy: { upgrade: 'BlueGreen' } }, /"configuration\.strategy\.upgrade"/),
    configured({ probes: { readinessProbe: { ...probe, type: 'grpc' } } }, /readinessProbe\.type/),
    configured(
      { probes: { readinessProbe: { ...probe, parameters: {} } } },
      /readinessProbe\.parameters\.port" is missing/,
    ),
    configured(
      { probes: { livenessProbe: { ...probe, parameters: { port: 0 } } } },
      /livenessProbe\.parameters\.port/,
    ),
    configured({ probes: { livenessProbe: { ...probe, delay: -1 } } }, /livenessProbe\.delay/),
    configured({ probes: { livenessProbe: { ...probe, timeout: 1e12 } } }, /livenessProbe\.timeout/),
    configured({ probes: { livenessProbe: { type: 'command', parameters: {} } } }, /command" is missing/),
    configured(
      { probes: { livenessProbe: { ...probe, parameters: { port: 1, path: 'http://x' } } } },
      /path/,
    ),
    configured({ storage: [{ type: 'HostPath' }] }, /"configuration\.storage" does nothing yet/),
    configured(
      { lifecycle: { entrypoint: { command: ['x'] } } },
      /"configuration\.lifecycle" does nothing yet/,
    ),
    configured({ scheduler: { affinity: { az: ['a'] } } }, /"configuration\.scheduler" does nothing yet/),
    configured({ logs: [{ logPath: '/x' }] }, /"configuration\.logs" does nothing yet/),
    configured(
      { container_spec: { type: 'deployment' } },
      /"configuration\.container_spec" does nothing yet/,
    ),
    {
      path: path.replace(/components\/[^/]+/, 'components/nowhere'),
      body: instanceBody,
      problem: '404 SVCSTG.00100404',
      says: /nowhere/,
    },
  ]);
});

test('instances: actions and changes that cannot be are refused', async (t) => {
  const stage = await openStage(t);
  const { at } = await anInstance(stage, await aComponent(stage));
  const action = (body: unknown, says: RegExp, problem = INVALID): Row => ({
    path: `${at}/action`,
    body,
    problem,
    says,
  });
  await refuseAll(stage, [
    action({}, /"action" is missing; expected start, stop/),
    action({ action: 'explode' }, /"explode"; expected start/, '400 SVCSTG.00100418'),
    action({ action: 5 }, /"action"/),
    action({ action: 'scale' }, /parameters\.replica/),
    action({ action: 'scale', parameters: {} }, /parameters\.replica/),
    action(
      { action: 'scale', parameters: { replica: 'x' } },
      /"parameters\.replica" is "x"; expected a whole number/,
    ),
    action({ action: 'scale', parameters: { replica: -1 } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { replica: '99999' } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { replica: '9999' } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { hosts: [] } }, /parameters\.hosts/),
    action({ action: 'rollback' }, /parameters\.version/),
    action({ action: 'rollback', parameters: { version: {} } }, /parameters\.version/),
    { method: 'PUT', path: at, body: {}, problem: INVALID, says: /"version" is missing/ },
    { method: 'PUT', path: at, body: { version: '2', replica: 'x' }, problem: INVALID, says: /"replica"/ },
    {
      method: 'PUT',
      path: `${at}x`,
      body: { version: '2' },
      problem: '404 SVCSTG.00100412',
      says: /does not exist/,
    },
    {
      method: 'DELETE',
      path: `${at}?force=perhaps`,
      bytes: '',
      problem: INVALID,
      says: /"force" is "perhaps"; expected true or false/,
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
