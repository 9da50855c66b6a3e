import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutNulls } from '../../src/api/nulls.ts';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { ownDocument } from './schemas.ts';
import { openStage } from './stage.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where a body is a map whose entries are of one form: "artifacts", "build.parameters.node_label_selector". */
function mapsIn(schema: unknown, resolve: (reference: string) => unknown, at = ''): readonly string[] {
  if (!isObject(schema)) return [];
  if (typeof schema['$ref'] === 'string') return mapsIn(resolve(schema['$ref']), resolve, at);
  const entry = schema['additionalProperties'];
  const own = isObject(entry) && ('type' in entry || '$ref' in entry) ? [at] : [];
  const members = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  return [
    ...own,
    ...members.flatMap(([name, member]) => mapsIn(member, resolve, at === '' ? name : `${at}.${name}`)),
    ...mapsIn(schema['items'], resolve, `${at}[]`),
  ];
}

test('an entry of a map that is null is refused, wherever a body has a map; nothing was changed by it', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const { at: one } = await anInstance(stage, at);
  const home = at.replace(/\/[^/]+\/instances$/, '');
  const source = { kind: 'artifact', spec: instanceBody.artifacts.web };
  const component = { name: 'part', runtime: 'Tomcat8', category: 'Common', source };
  const build = { parameters: { node_label_selector: { zone: null } } };
  const rows = [
    ['POST', at, { ...instanceBody, name: 'other', artifacts: { a: null } }, 'artifacts.a'],
    ['PUT', one, { version: '2', artifacts: { a: null } }, 'artifacts.a'],
    ['POST', home, { ...component, build }, 'build.parameters.node_label_selector.zone'],
    ['PUT', at.replace('/instances', ''), { build }, 'build.parameters.node_label_selector.zone'],
  ] as const;
  const own = ownDocument(stage.api.app);
  const maps = own.operations.flatMap(({ method, path, operation }) =>
    mapsIn(own.bodySchema(method, path), (reference) => own.resolve(reference)).map(
      (place) => `${operation.operationId}: ${place}`,
    ),
  );
  // A map more asks for a row more.
  assert.equal(maps.length, rows.length, maps.join(', '));
  const jobs = () => stage.store.read.selectFrom('jobs').selectAll().execute();
  const before = await jobs();
  for (const [method, path, body, field] of rows) {
    const answer = await stage.request(method, stage.at(path), body);
    assert.equal(answer.problem, '400 SVCSTG.00100400', answer.raw);
    assert.ok(answer.text('error_msg').startsWith(`Field "${field}" is null; expected`), answer.raw);
  }
  assert.deepEqual(await jobs(), before);
});

test('null is as good as absent where the schema names the member, and where nothing is known of it', () => {
  const named = { properties: { a: { type: 'string' }, list: { type: 'array', items: { type: 'object' } } } };
  assert.deepEqual(withoutNulls({ a: null, b: null, list: [null, { x: null }] }, named), {
    list: [null, {}],
  });
  const open = { patternProperties: { '^.*$': {} } };
  assert.deepEqual(withoutNulls({ a: null, b: 1 }, open), { b: 1 });
  const map = { patternProperties: { '^.*$': { type: 'string' } } };
  assert.deepEqual(withoutNulls({ a: null, b: 'x' }, map), { a: null, b: 'x' });
});
