import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { CLUSTER, ENVIRONMENT, openStage } from './stage.ts';

const cases = process.env['OPENSTAGE_TEST_ALL'] === '1' ? 5_000 : 300;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** mulberry32: small, and the same everywhere. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const odd: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  'x'.repeat(5_000),
  '../../etc/passwd',
  "'; drop table instances; --",
  '<script>alert(1)</script>',
  '\u202Egpj',
  'ünïcödé',
  '\uD800',
  '\0',
  '${7*7}{{7*7}}',
  [],
  {},
  [[[[]]]],
  [null],
  { a: { b: {} } },
  { constructor: { prototype: { polluted: true } } },
  { toString: 1, hasOwnProperty: 'x', length: -1 },
];

type Pick = <T>(list: readonly T[]) => T;

/** The same body with some members replaced, dropped or added. */
function mutate(value: unknown, random: () => number, pick: Pick): unknown {
  if (random() < 0.12) return pick(odd);
  if (Array.isArray(value)) return value.map((item: unknown) => mutate(item, random, pick));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(() => random() > 0.05)
    .map(([key, member]): [string, unknown] => [key, mutate(member, random, pick)]);
  if (random() < 0.1) members.push([pick(['__proto__', 'constructor', 'id', 'extra', '']), pick(odd)]);
  return Object.fromEntries(members);
}

test(`no request makes the platform fail (SEED=${seed}, ${cases} cases)`, async (t) => {
  const stage = await openStage(t);
  const random = randomFrom(seed);
  const pick: Pick = (list) => {
    const one = list[Math.floor(random() * list.length)];
    if (one === undefined) throw new Error('There is nothing to pick from.');
    return one;
  };
  const at = await aComponent(stage);
  const { at: one, job } = await anInstance(stage, at);
  const source = { kind: 'artifact', spec: instanceBody.artifacts.web };
  const probe = { type: 'http', parameters: { scheme: 'HTTP', port: 80, path: '/' }, delay: 1, timeout: 1 };
  const configuration = {
    env: [{ name: 'A', value: 'b' }],
    strategy: { upgrade: 'Recreate' },
    probes: { livenessProbe: probe, readinessProbe: probe },
    storage: [],
  };
  const external_accesses = [{ protocol: 'http', address: 'a.example.org', forward_port: 80 }];
  const environment = {
    name: 'env',
    vpc_id: 'v',
    alias: 'a',
    base_resources: [{ id: CLUSTER, type: 'cce' }],
  };
  const password = { user: { name: 'admin', domain: { name: 'nowhere' }, password: 'x' } };
  const home = at.replace(/\/[^/]+\/instances$/, '');
  const bodies: readonly (readonly ['POST' | 'PUT' | 'PATCH', string, object])[] = [
    ['POST', stage.at('/applications'), { name: 'shop', description: 'd', enterprise_project_id: '0' }],
    ['PUT', stage.at(home.replace('/components', '')), { description: 'd' }],
    [
      'PUT',
      stage.at(home.replace('/components', '/configuration')),
      { environment_id: ENVIRONMENT, configuration },
    ],
    ['POST', stage.at(home), { name: 'part', runtime: 'Tomcat8', category: 'Common', source, build: {} }],
    ['PUT', stage.at(at.replace('/instances', '')), { description: 'd', source }],
    ['POST', stage.at(at), { ...instanceBody, name: 'fuzz', configuration, external_accesses }],
    ['PUT', stage.at(one), { ...instanceBody, configuration, external_accesses }],
    [
      'POST',
      stage.at(`${one}/action`),
      { action: 'scale', parameters: { replica: 2, hosts: ['host-1'], version: 1 } },
    ],
    ['POST', stage.at('/environments'), environment],
    [
      'PATCH',
      stage.at(`/environments/${ENVIRONMENT}/resources`),
      { add_optional_resources: environment.base_resources },
    ],
    [
      'POST',
      '/v3/auth/tokens',
      { auth: { identity: { methods: ['password'], password }, scope: { project: { name: 'x' } } } },
    ],
  ];
  const reads = [
    stage.at('/applications'),
    stage.at(one),
    stage.at(`${one}/snapshots`),
    stage.at(`/jobs/${job}`),
    `/v1/${stage.project}/packages`,
    '/v3/projects',
  ];
  for (let n = 0; n < cases; n += 1) {
    const isRead = random() < 0.25;
    const [method, url, body] = isRead ? (['GET', pick(reads), undefined] as const) : pick(bodies);
    const query = ['limit', 'offset', 'order_by', 'order', 'desc', 'instance_id', 'force', 'name']
      .filter(() => random() < 0.2)
      .map((name) => `${name}=${encodeURIComponent((JSON.stringify(pick(odd)) ?? '').slice(0, 300))}`)
      .join('&');
    const payload = body && JSON.stringify(mutate(body, random, pick));
    const answer = await stage.send({
      method,
      url: `${url}?${query}`,
      headers: { 'x-auth-token': stage.token, 'content-type': 'application/json' },
      ...(payload !== undefined && { payload }),
    });
    assert.ok(answer.status < 500, `case ${n}: ${method} ${url}?${query} ${payload ?? ''}: ${answer.raw}`);
    if (answer.status < 400) continue;
    const message = answer.at('error_msg') ?? answer.at('error', 'message');
    assert.equal(typeof message, 'string', `case ${n}: ${answer.raw}`);
  }
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});
