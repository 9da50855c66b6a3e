import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { roles } from '../../src/domain/permission.ts';
import { everyCaller, type Caller } from './callers.ts';
import { valuesOf } from './generated.ts';
import { filled, oneOfEach, type Ids } from './ids.ts';
import { ownDocument } from './schemas.ts';
import { CLUSTER, ENVIRONMENT, openStage, type Answer, type Stage } from './stage.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
interface Route {
  readonly method: (typeof methods)[number];
  /** As in the document: /v2/{project_id}/... */
  readonly path: string;
  readonly permission: string;
  /** A body of the right form. */
  readonly body: string;
}

/** Every route but the public ones, which are listed in a test of their own. */
function guardedRoutes(stage: Stage): readonly Route[] {
  const own = ownDocument(stage.api.app);
  return stage.api.routes.flatMap(({ method: given, url, permission }) => {
    const method = methods.find((one) => one === given);
    if (!method || permission === undefined || permission === 'public') return [];
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    const schema = own.bodySchema(method, path);
    const action = path.endsWith('/action') ? { action: 'stop' } : {};
    return [{ method, path, permission, body: schema ? aBody(own, schema, action) : '' }];
  });
}

/** The least that a schema asks for, with ids that exist in the stage's project. */
function aBody(own: ReturnType<typeof ownDocument>, schema: object, more: object): string {
  const values: Readonly<Record<string, unknown>> = {
    environment_id: ENVIRONMENT,
    refer_resources: [{ id: CLUSTER, type: 'cce' }],
    runtime: 'Tomcat8',
    flavor_id: 'MICRO-5G:0.5C:1G',
    ...more,
  };
  const known = (place: string) => (place in values ? fc.constant(values[place]) : undefined);
  const resolve = (reference: string) => own.resolve(reference);
  const bodies = valuesOf(schema, { resolve, known, isLeast: true });
  return JSON.stringify(fc.sample(bodies, { numRuns: 1, seed: 1 })[0]);
}

/** One of everything in a project that is not the stage's. */
async function oneOfEachElsewhere(stage: Stage): Promise<Ids> {
  const { project, token } = await stage.neighbour();
  const post = (path: string, payload: object) =>
    stage.send({ method: 'POST', url: stage.at(path, project), headers: { 'x-auth-token': token }, payload });
  const environment = await post('/environments', {
    name: 'theirs',
    vpc_id: 'v',
    base_resources: [{ id: CLUSTER, type: 'cce' }],
  });
  const application = (await post('/applications', { name: 'theirs' })).text('id');
  const components = `/applications/${application}/components`;
  const source = {
    kind: 'artifact',
    spec: { storage: 'swr', type: 'package', url: 'https://example.org/a' },
  };
  const parts = { name: 'theirs', runtime: 'Tomcat8', category: 'Common', source };
  const component = (await post(components, parts)).text('id');
  const instance = await post(`${components}/${component}/instances`, {
    name: 'theirs',
    environment_id: environment.text('id'),
    replica: 1,
    flavor_id: 'MICRO-5G:0.5C:1G',
    version: '1',
    refer_resources: [],
  });
  return {
    application_id: application,
    component_id: component,
    instance_id: instance.text('instance_id'),
    environment_id: environment.text('id'),
    job_id: instance.text('job_id'),
  };
}

const madeUp = (): Ids => ({
  application_id: randomUUID(),
  component_id: randomUUID(),
  instance_id: randomUUID(),
  environment_id: randomUUID(),
  job_id: `JOB${randomUUID()}`,
});

function ask(stage: Stage, caller: Caller, route: Route, ids: Ids): Promise<Answer> {
  const needs = route.method === 'DELETE' && route.path.endsWith('/configuration');
  const path = needs ? `${route.path}?environment_id={environment_id}` : route.path;
  const url = filled(path, { project_id: stage.project, ...ids }).replace('*', 'unknown');
  return stage.send({
    method: route.method,
    url,
    headers: {
      ...caller.headers({ method: route.method, url, body: route.body }),
      ...(route.body !== '' && { 'content-type': 'application/json' }),
    },
    ...(route.body !== '' && { payload: route.body }),
  });
}

/** The answer without what is another one each time. */
const shape = ({ status, raw }: Answer, ids: Ids): string =>
  `${status} ${Object.values(ids)
    .reduce((text, id) => text.replaceAll(id, 'ID'), raw)
    .replaceAll(/[0-9a-f]{32}/g, 'REQUEST')}`;

const namesObject = ({ path }: Route) => Object.keys(madeUp()).some((name) => path.includes(`{${name}}`));

/** What the role allows, where the address names the project in which it was given. */
function mayPass({ role, scope }: Caller, { path, permission }: Route): boolean {
  if (role === undefined) return false;
  if (permission === 'own') return true;
  const isBelow = path.includes('{project_id}');
  return isBelow === (scope === 'project') && roles[role].allows.some((allowed) => allowed === permission);
}

async function everything(stage: Stage): Promise<unknown> {
  const tables = ['applications', 'components', 'environments', 'instances', 'jobs'] as const;
  const rows = tables.map((table) => stage.store.read.selectFrom(table).selectAll().orderBy('id').execute());
  return (await Promise.all(rows)).map((all) => all.filter((row) => row.project_id !== stage.project));
}

test("on every route every caller is let in or refused as its role says, and cannot tell another project's id from one that was made up", async (t) => {
  const stage = await openStage(t);
  const mine = await oneOfEach(stage);
  const theirs = await oneOfEachElsewhere(stage);
  const before = await everything(stage);
  const callers = await everyCaller(stage);
  const routes = guardedRoutes(stage);
  assert.ok(routes.length > 50, `${routes.length} routes`);
  let asked = 0;
  for (const route of routes) {
    for (const caller of callers) {
      const title = `${route.method} ${route.path} (${route.permission}) by ${caller.name}`;
      const unknown = madeUp();
      const missing = await ask(stage, caller, route, unknown);
      const { status } = missing;
      asked += 1;
      if (namesObject(route)) {
        const foreign = await ask(stage, caller, route, theirs);
        assert.equal(shape(foreign, theirs), shape(missing, unknown), title);
        asked += 1;
      }
      if (!caller.isKnown) assert.equal(status, 401, `${title}: ${missing.raw}`);
      else if (!mayPass(caller, route)) {
        if (route.permission !== 'own') assert.equal(status, 403, `${title}: ${missing.raw}`);
      } else {
        assert.ok(status !== 401 && status < 500, `${title}: ${missing.raw}`);
        // What is one's own is in question only where somebody else's is named.
        if (route.permission !== 'own') assert.notEqual(status, 403, `${title}: ${missing.raw}`);
        if (namesObject(route)) assert.equal(status, 404, `${title}: ${missing.raw}`);
      }
      if ((status !== 401 && status !== 403) || !namesObject(route)) continue;
      // Who is refused learns nothing of what is there either.
      const existing = await ask(stage, caller, route, mine);
      assert.equal(shape(existing, mine), shape(missing, unknown), title);
      asked += 1;
    }
  }
  t.diagnostic(`${routes.length} routes, ${callers.length} callers, ${asked} requests`);
  assert.deepEqual(await everything(stage), before);
});
