import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { insertToken } from '../../src/store/tokens.ts';
import { hashToken } from '../../src/iam/tokens.ts';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { CLUSTER, ENVIRONMENT, openStage } from './stage.ts';

interface Ids {
  readonly application: string;
  readonly component: string;
  readonly instance: string;
  readonly job: string;
  readonly environment: string;
}
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const component = { name: 'ab', runtime: 'Tomcat8', category: 'Common' };

/** Every operation below an object. */
const operations: readonly [Method, (ids: Ids) => string, object?][] = [
  ['GET', ({ application }) => `/applications/${application}`],
  ['PUT', ({ application }) => `/applications/${application}`, { name: 'mine' }],
  ['DELETE', ({ application }) => `/applications/${application}`],
  ['GET', ({ application }) => `/applications/${application}/configuration`],
  [
    'PUT',
    ({ application }) => `/applications/${application}/configuration`,
    { environment_id: ENVIRONMENT, configuration: { env: [] } },
  ],
  [
    'DELETE',
    ({ application, environment }) =>
      `/applications/${application}/configuration?environment_id=${environment}`,
  ],
  ['GET', ({ application }) => `/applications/${application}/components`],
  ['GET', ({ application }) => `/applications/${application}/components/overviews`],
  ['POST', ({ application }) => `/applications/${application}/components`, component],
  ['GET', ({ application, component: id }) => `/applications/${application}/components/${id}`],
  [
    'PUT',
    ({ application, component: id }) => `/applications/${application}/components/${id}`,
    { name: 'mine' },
  ],
  ['DELETE', ({ application, component: id }) => `/applications/${application}/components/${id}?force=true`],
  ['GET', (ids) => `/applications/${ids.application}/components/${ids.component}/instances`],
  ['POST', (ids) => `/applications/${ids.application}/components/${ids.component}/instances`, instanceBody],
  ['GET', (ids) => `/applications/${ids.application}/components/${ids.component}/instances/${ids.instance}`],
  [
    'PUT',
    (ids) => `/applications/${ids.application}/components/${ids.component}/instances/${ids.instance}`,
    { version: '2' },
  ],
  [
    'DELETE',
    (ids) =>
      `/applications/${ids.application}/components/${ids.component}/instances/${ids.instance}?force=true`,
  ],
  [
    'POST',
    (ids) => `/applications/${ids.application}/components/${ids.component}/instances/${ids.instance}/action`,
    { action: 'stop' },
  ],
  [
    'GET',
    (ids) =>
      `/applications/${ids.application}/components/${ids.component}/instances/${ids.instance}/snapshots`,
  ],
  ['GET', ({ job }) => `/jobs/${job}`],
  ['GET', ({ environment }) => `/environments/${environment}`],
  ['PUT', ({ environment }) => `/environments/${environment}`, { name: 'mine' }],
  ['DELETE', ({ environment }) => `/environments/${environment}`],
  [
    'PATCH',
    ({ environment }) => `/environments/${environment}/resources`,
    { add_base_resources: [{ id: 'x', type: 'cce' }] },
  ],
];

test("another project's ids and unknown ids cannot be told apart, and change nothing", async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const [, , application = '', , id = ''] = at.split('/');
  const { instance, job } = await anInstance(stage, at);
  const theirs: Ids = { application, component: id, instance, job, environment: ENVIRONMENT };
  const unknown: Ids = {
    application: randomUUID(),
    component: randomUUID(),
    instance: randomUUID(),
    job: `JOB${randomUUID()}`,
    environment: randomUUID(),
  };
  const { project, token } = await stage.neighbour();
  const before = (await stage.get(`${at}/${instance}`)).body;
  for (const [method, path, payload] of operations) {
    const [foreign, missing] = await Promise.all(
      [theirs, unknown].map((ids) =>
        stage.send({
          method,
          url: stage.at(path(ids), project),
          headers: { 'x-auth-token': token },
          ...(payload && { payload }),
        }),
      ),
    );
    assert.ok(foreign && missing);
    assert.equal(foreign.status, 404, `${method} ${path(theirs)}: ${foreign.raw}`);
    const anonymous = (raw: string, ids: Ids) =>
      Object.values(ids).reduce((text, one) => text.replaceAll(one, 'ID'), raw);
    assert.equal(
      anonymous(foreign.raw, theirs),
      anonymous(missing.raw, unknown),
      `${method} ${path(theirs)}`,
    );
  }
  assert.deepEqual((await stage.get(`${at}/${instance}`)).body, before);
});

test('an environment of another project cannot be deployed to', async (t) => {
  const stage = await openStage(t);
  const { project, token } = await stage.neighbour();
  const send = (path: string, payload: object) =>
    stage.send({ method: 'POST', url: stage.at(path, project), headers: { 'x-auth-token': token }, payload });
  const application = (await send('/applications', { name: 'shop' })).text('id');
  const id = (await send(`/applications/${application}/components`, component)).text('id');
  const instances = `/applications/${application}/components/${id}/instances`;
  assert.equal((await send(instances, instanceBody)).problem, '404 SVCSTG.00100411');
  const own = await send('/environments', {
    name: 'own',
    vpc_id: 'v',
    base_resources: [{ id: CLUSTER, type: 'cce' }],
  });
  assert.equal((await send(instances, { ...instanceBody, environment_id: own.text('id') })).status, 200);
});

test('objects are looked up inside their parents', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage, 'one');
  const other = await aComponent(stage, 'two');
  const { instance } = await anInstance(stage, at);
  assert.equal((await stage.get(`${other}/${instance}`)).problem, '404 SVCSTG.00100412');
  const [, , application = ''] = other.split('/');
  const [, , , , component = ''] = at.split('/');
  const crossed = await stage.get(
    `/applications/${application}/components/${component}/instances/${instance}`,
  );
  assert.equal(crossed.problem, '404 SVCSTG.00100404');
});

test('without a good token, or with a path of another project, no operation answers', async (t) => {
  let now = Date.now();
  const stage = await openStage(t, { now: () => now });
  const { project, token } = await stage.neighbour();
  await stage.store.write((tx) =>
    insertToken(tx, {
      hash: hashToken('gone-by'),
      user: stage.admin,
      project: stage.project,
      issueTime: 1,
      expireTime: 2,
      methods: ['password'],
    }),
  );
  const ids: Ids = { application: 'a', component: 'c', instance: 'i', job: 'j', environment: 'e' };
  const callers: readonly { project: string; token?: string; problem: string; says: RegExp }[] = [
    {
      project: stage.project,
      problem: '401 APIG.0301',
      says: /^Incorrect IAM authentication information: x-auth-token not found/,
    },
    { project: stage.project, token: 'made-up', problem: '401 APIG.0301', says: /decrypt token fail/ },
    {
      project: stage.project,
      token: 'x'.repeat(20_000),
      problem: '401 APIG.0301',
      says: /decrypt token fail/,
    },
    {
      project: stage.project,
      token: 'gone-by',
      problem: '401 APIG.0301',
      says: /token expires, expires_at: 1970/,
    },
    { project: stage.project, token, problem: '403 APIG.0302', says: /not authorized/ },
    { project: 'nowhere', token, problem: '403 APIG.0302', says: /not authorized/ },
    { project, token: stage.token, problem: '403 APIG.0302', says: /not authorized/ },
  ];
  for (const caller of callers) {
    const headers = caller.token === undefined ? {} : { 'x-auth-token': caller.token };
    for (const [method, path, payload] of operations) {
      const answer = await stage.send({
        method,
        url: stage.at(path(ids), caller.project),
        headers,
        ...(payload && { payload }),
      });
      assert.equal(answer.problem, caller.problem, `${method} ${path(ids)}`);
      assert.match(answer.text('error_msg'), caller.says);
      assert.match(answer.text('request_id'), /^[0-9a-f]{32}$/);
    }
  }
  now += 25 * 3_600_000;
  assert.equal((await stage.get('/applications')).problem, '401 APIG.0301');
});
