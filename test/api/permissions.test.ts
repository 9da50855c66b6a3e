import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertToken } from '../../src/store/tokens.ts';
import { hashToken, issueToken } from '../../src/iam/tokens.ts';
import { aComponent, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { sign } from './sign.ts';
import { ENVIRONMENT, openStage, type Stage } from './stage.ts';

/** What each role may do beside reading; written down apart from the platform's own table. */
const writes: Readonly<Record<string, RegExp>> = {
  te_admin: /./,
  svcstg_developer: /^servicestage:/,
  svcstg_reader: /^$/,
  svcstg_deployer: /^servicestage:(app:deploy|package:create)$/,
};
const reads: Readonly<Record<string, RegExp>> = {
  te_admin: /./,
  svcstg_developer: /^servicestage:/,
  svcstg_reader: /^servicestage:/,
  svcstg_deployer: /^servicestage:(app|environment|package):(list|get|getLog)$/,
};
const roles = ['te_admin', 'svcstg_developer', 'svcstg_reader', 'svcstg_deployer'] as const;

const isReading = (permission: string) => /:(list|get)\w*$/.test(permission);

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function routesOf(stage: Stage) {
  return stage.api.routes.flatMap(({ method, url, permission }) => {
    const known = methods.find((one) => one === method);
    return known ? [{ method: known, url, permission }] : [];
  });
}

/** An address of the route in a project; what its other members name does not exist. */
const addressOf = (url: string, project: string) =>
  url.replace(':project_id', project).replaceAll(/:\w+/g, 'unknown').replace('*', 'unknown');

function ask(stage: Stage, method: (typeof methods)[number], url: string, headers: Record<string, string>) {
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return stage.send({
    method,
    url,
    headers: { ...headers, ...(hasBody && { 'content-type': 'application/json' }) },
    ...(hasBody && { payload: '{}' }),
  });
}

test('every route says what its callers must be allowed to do', async (t) => {
  const stage = await openStage(t);
  const without = stage.api.routes.filter(({ permission }) => permission === undefined);
  assert.deepEqual(without, []);
  assert.ok(stage.api.routes.length > 40);
});

test('public are only those routes that must be', async (t) => {
  const stage = await openStage(t);
  const open = routesOf(stage)
    .filter(({ method, permission }) => permission === 'public' && method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url}`);
  assert.deepEqual(open.toSorted(), [
    'GET /',
    'GET /docs',
    'GET /docs/page.css',
    'GET /docs/page.js',
    'GET /healthz',
    'GET /openapi.json',
    'GET /readyz',
    'GET /v3',
    'GET /version',
    // Signed by a git host with the secret of its hook.
    'POST /v1/:project_id/git/push/:hook_id',
    'POST /v3/auth/tokens',
  ]);
});

test('no route answers a stranger, by token or by signature', async (t) => {
  const stage = await openStage(t);
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
  for (const { method, url, permission } of routesOf(stage)) {
    if (permission === 'public') continue;
    const address = addressOf(url, stage.project);
    const strangers: Record<string, string>[] = [
      {},
      { 'x-auth-token': 'made-up' },
      { 'x-auth-token': 'gone-by' },
      sign({ access: 'AKNOBODY', secret: 'x', method, url: address }),
      { authorization: 'Basic YWRtaW46YWRtaW4=' },
    ];
    for (const headers of strangers)
      assert.equal((await ask(stage, method, address, headers)).status, 401, `${method} ${url}`);
  }
});

for (const role of roles) {
  test(`${role} passes exactly the routes that it should`, async (t) => {
    const stage = await openStage(t);
    const token = await stage.tokenOf(role);
    for (const { method, url, permission } of routesOf(stage)) {
      if (permission === undefined || permission === 'public' || permission === 'own') continue;
      // A role in one project is none in the domain.
      const isInProject = url.includes(':project_id');
      const table = isReading(permission) ? reads[role] : writes[role];
      const isExpected = isInProject && table?.test(permission) === true;
      const { status, raw } = await ask(stage, method, addressOf(url, stage.project), {
        'x-auth-token': token,
      });
      assert.equal(
        status !== 403 && status !== 401,
        isExpected,
        `${method} ${url} ${permission}: ${status} ${raw}`,
      );
    }
  });
}

test('a project of others, one that does not exist, and one without a role cannot be told apart', async (t) => {
  const stage = await openStage(t);
  const { project: theirs } = await stage.neighbour();
  const nobody = await stage.tokenOf();
  const { token: domainWide } = await issueToken(stage.store, { user: stage.admin }, stage.services.now());
  for (const { method, url, permission } of routesOf(stage)) {
    if (permission === 'public' || !url.includes(':project_id')) continue;
    const answers = [
      await ask(stage, method, addressOf(url, theirs), { 'x-auth-token': stage.token }),
      await ask(stage, method, addressOf(url, 'nowhere'), { 'x-auth-token': stage.token }),
      await ask(stage, method, addressOf(url, stage.project), { 'x-auth-token': nobody }),
    ];
    for (const { status, raw } of answers) {
      assert.equal(status, 403, `${method} ${url}: ${raw}`);
      assert.equal(raw.replace(/[0-9a-f]{32}/, ''), answers[0]?.raw.replace(/[0-9a-f]{32}/, ''));
    }
    const scoped = await ask(stage, method, addressOf(url, stage.project), { 'x-auth-token': domainWide });
    assert.equal(scoped.status, 403, `${method} ${url}`);
  }
});

test('who may not read values sees them masked everywhere, and sends them back unharmed', async (t) => {
  const stage = await openStage(t);
  const planted = 'planted-in-a-variable';
  const deployer = await stage.tokenOf('svcstg_deployer');
  const as = (token: string, method: 'GET' | 'PUT', path: string, payload?: object) =>
    stage.send({
      method,
      url: stage.at(path),
      headers: { 'x-auth-token': token },
      ...(payload && { payload }),
    });
  const at = await aComponent(stage);
  const [, , application = ''] = at.split('/');
  const configuration = { env: [{ name: 'SECRET', value: planted }] };
  const accepted = await stage.post(at, { ...instanceBody, configuration });
  await served(stage, accepted);
  const instance = `${at}/${accepted.text('instance_id')}`;
  await stage.put(`/applications/${application}/configuration`, {
    environment_id: ENVIRONMENT,
    configuration,
  });

  const places = [
    instance,
    at,
    `/applications/${application}/components/overviews`,
    `/applications/${application}/configuration`,
  ];
  for (const place of places) {
    const masked = await as(deployer, 'GET', place);
    assert.equal(masked.status, 200, masked.raw);
    assert.ok(!masked.raw.includes(planted), place);
  }
  const shown = await as(deployer, 'GET', instance);
  assert.deepEqual(shown.at('configuration', 'env', 0), { name: 'SECRET', value: '******', internal: false });
  assert.ok((await stage.get(instance)).raw.includes(planted));

  const masked = {
    env: [
      { name: 'SECRET', value: '******' },
      { name: 'NEW', value: 'open' },
    ],
  };
  const change = await as(deployer, 'PUT', instance, { version: '2', configuration: masked });
  assert.equal(change.status, 200, change.raw);
  await served(stage, change, 2);
  const requested = await stage.get(instance);
  assert.ok(requested.raw.includes(planted), requested.raw);

  const path = `/applications/${application}/configuration`;
  const kept = await stage.put(path, { environment_id: ENVIRONMENT, configuration: masked });
  assert.deepEqual(kept.at('configuration', 'env'), [
    { name: 'SECRET', value: planted },
    { name: 'NEW', value: 'open' },
  ]);
  assert.equal((await stage.get(path)).at('configuration', 0, 'configuration', 'env', 0, 'value'), planted);
});
