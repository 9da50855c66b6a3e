import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Admission } from '../../src/actions/admission.ts';
import { quotaNames, quotas } from '../../src/domain/quota.ts';
import { rules } from '../../src/settings.ts';
import { aComponent, instanceBody } from './builders.ts';
import { INVALID } from './refuse-all.ts';
import { openStage, type Stage } from './stage.ts';

const GIB = 1024 ** 3;
const none = {
  ...{ instances: 0, jobs: 0, cpuMillis: 0, memoryBytes: 0 },
  ...{ packageBytes: 0, diskBytes: 0, logBytes: 0, releaseBytes: 0 },
};
const host = { cpuMillis: 4_000, memoryBytes: 8 * GIB, cpuOvercommit: 100, memoryOvercommit: 100 };

const bounded = (
  limits: Partial<Admission['quotas']>,
  capacity: Partial<Admission['capacity']> = {},
): { readonly admission: Admission } => ({
  admission: {
    quotas: { ...none, ...limits },
    capacity: { ...host, ...capacity },
    replica: { diskBytes: 1, logBytes: 1 },
  },
});

const create = (stage: Stage, at: string, name: string, changes: object = {}) =>
  stage.post(at, { ...instanceBody, name, ...changes });

async function usedOf(stage: Stage): Promise<Readonly<Record<string, unknown>>> {
  const answer = await stage.request('GET', `/openstage/v1/${stage.project}/quotas`);
  assert.equal(answer.status, 200, answer.raw);
  const used = answer.each('quotas', 'used');
  return Object.fromEntries(answer.each('quotas', 'name').map((name, at) => [String(name), used[at]]));
}

test('an instance too many is refused by its quota, and of many at once exactly as many pass as there is room for', async (t) => {
  const stage = await openStage(t, bounded({ instances: 3 }));
  const at = await aComponent(stage);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => create(stage, at, `web-${n}`)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 3);
  const refused = answers.filter(({ status }) => status !== 200);
  assert.ok(refused.every(({ problem }) => problem === INVALID));
  assert.match(
    refused[0]?.text('error_msg') ?? '',
    /^This project may have 3 instances \(OPENSTAGE_QUOTA_INSTANCES\); it has 3 instances, and .*delete instances/,
  );
  assert.equal((await usedOf(stage))['instances'], 3);
  // Another project has a quota of its own.
  const other = await stage.neighbour();
  const theirs = await stage.send({
    method: 'GET',
    url: `/openstage/v1/${other.project}/quotas`,
    headers: { 'x-auth-token': other.token },
  });
  assert.deepEqual(theirs.each('quotas', 'used'), [0, 0, 0, 0, 0, 0, 0, 0]);
});

test('memory and cores are counted by flavor and replicas, also of requests that come at once', async (t) => {
  for (const [limits, says] of [
    [
      { memoryBytes: 5 * GIB },
      /may have 5 GiB of memory \(OPENSTAGE_QUOTA_MEMORY_GIB\); it has 4 GiB of memory, and this request needs 2 GiB/,
    ],
    [
      { cpuMillis: 2_500 },
      /may have 2.5 cores \(OPENSTAGE_QUOTA_CORES\); it has 2 cores, and this request needs 1 core more/,
    ],
  ] as const) {
    const stage = await openStage(t, bounded(limits));
    const at = await aComponent(stage);
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, n) => create(stage, at, `web-${n}`, { replica: 2 })),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 2);
    const refused = answers.find(({ status }) => status !== 200);
    assert.equal(refused?.problem, INVALID);
    assert.match(refused.text('error_msg'), says);
    const used = await usedOf(stage);
    assert.deepEqual([used['cpu_millis'], used['memory_bytes']], [2_000, 4 * GIB]);
    assert.equal((await create(stage, at, 'one-more')).status, 200);
  }
});

test('jobs that are open are bounded; what gives something back is not', async (t) => {
  const stage = await openStage(t, bounded({ jobs: 2 }));
  const at = await aComponent(stage);
  const first = await create(stage, at, 'first');
  await create(stage, at, 'second');
  const third = await create(stage, at, 'third');
  assert.equal(third.problem, INVALID);
  assert.match(
    third.text('error_msg'),
    /may have 2 open jobs \(OPENSTAGE_QUOTA_JOBS\).*wait until some have ended/,
  );
  assert.equal((await stage.delete(`${at}/${first.text('instance_id')}`)).status, 200);
});

test('a flavor larger than the host, and more than the host may promise, is refused with what there is', async (t) => {
  const stage = await openStage(t, bounded({}, { cpuOvercommit: 1, memoryOvercommit: 2 }));
  const at = await aComponent(stage);
  for (const [flavor_id, says] of [
    ['CUSTOM-1G:5C-1C:1Gi-1Gi', /gives a replica 5 cores, but this host has 4 in all/],
    ['CUSTOM-1G:1C-1C:9Gi-1Gi', /gives a replica 9 GiB of memory, but this host has 8 GiB in all/],
  ] as const) {
    const refused = await create(stage, at, 'large', { flavor_id });
    assert.equal(refused.problem, INVALID);
    assert.match(refused.text('error_msg'), says);
  }
  const flavor_id = 'CUSTOM-1G:0.1C-0.1C:7Gi-1Gi';
  assert.equal((await create(stage, at, 'fits', { flavor_id, replica: 2 })).status, 200);
  const memory = await create(stage, at, 'memory', { flavor_id });
  assert.match(
    memory.text('error_msg'),
    /^The request needs 7 GiB of memory more, but of the 16 GiB that this host may promise \(2 times the 8 GiB that it has: OPENSTAGE_MEMORY_OVERCOMMIT\) 2 GiB are left; choose a smaller flavor or fewer replicas, stop instances, or have the operator raise that setting\.$/,
  );
  const cores = await create(stage, at, 'cores', { flavor_id: 'CUSTOM-1G:4C-1C:1Gi-1Gi' });
  assert.match(
    cores.text('error_msg'),
    /needs 4 cores more, but of the 4 cores .*OPENSTAGE_CPU_OVERCOMMIT\) 3.8 are left/,
  );
});

test('ninety-two small replicas fit on 23 GiB as it is set by default, and the next one is told why not', async (t) => {
  const capacity = { cpuMillis: 8_000, memoryBytes: 23 * GIB, cpuOvercommit: 16, memoryOvercommit: 4 };
  const stage = await openStage(t, bounded({}, capacity));
  const at = await aComponent(stage);
  assert.equal((await create(stage, at, 'many', { replica: 92 })).status, 200);
  assert.match(
    (await create(stage, at, 'one-more')).text('error_msg'),
    /needs 1 GiB of memory more, but of the 92 GiB that this host may promise \(4 times the 23 GiB that it has: OPENSTAGE_MEMORY_OVERCOMMIT\) 0 GiB are left/,
  );
});

test('packages are bounded by their sizes; one that is replaced counts once', async (t) => {
  const stage = await openStage(t, bounded({ packageBytes: 1_000 }));
  const put = (version: string, bytes: number) =>
    stage.send({
      method: 'PUT',
      url: `/v1/${stage.project}/packages/web/${version}/web.zip`,
      headers: { 'x-auth-token': stage.token, 'content-type': 'application/octet-stream' },
      payload: Buffer.alloc(bytes, version),
    });
  assert.equal((await put('1', 600)).status, 200);
  assert.equal((await put('1', 900)).status, 200);
  const refused = await put('2', 101);
  assert.equal(refused.problem, INVALID);
  assert.match(refused.text('error_msg'), /OPENSTAGE_QUOTA_PACKAGES_GIB\).*delete packages/);
  assert.equal((await usedOf(stage))['package_bytes'], 900);
});

test('quotas are shown with what they are set by; without a bound they say so', async (t) => {
  const stage = await openStage(t, bounded({ instances: 7 }));
  const shown = await stage.request('GET', `/openstage/v1/${stage.project}/quotas`);
  assert.deepEqual(shown.at('quotas', 0), {
    name: 'instances',
    used: 0,
    quota: 7,
    setting: 'OPENSTAGE_QUOTA_INSTANCES',
  });
  assert.equal(shown.at('quotas', 1, 'quota'), null);
  const settings = Object.values(rules).map(({ variable }) => String(variable));
  for (const name of quotaNames) assert.ok(settings.includes(quotas[name].setting));
});
