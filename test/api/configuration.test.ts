import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { findInstance } from '../../src/store/instances.ts';
import { findRelease } from '../../src/store/releases.ts';
import { keepRolloutContent } from '../../src/store/rollouts.ts';
import { aRolloutContent } from '../store/records.ts';
import { aComponent, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { INVALID, refuseAll } from './refuse-all.ts';
import { ENVIRONMENT, openStage, type Stage } from './stage.ts';

/** The content of the release that was asked for last. */
async function content(stage: Stage, id: string) {
  const instance = await findInstance(stage.store.read, instanceId(id));
  assert.ok(instance);
  const release = await findRelease(stage.store.read, instance.requestedRelease);
  assert.ok(release);
  return release.content;
}

test('a lifecycle is kept, echoed as sent with its hyphens, replaced as a whole and emptied by an empty one', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const lifecycle = {
    entrypoint: { command: ['/bin/app'], args: ['--port', '$(PORT)'] },
    'post-start': { type: 'command', parameters: { command: ['touch', 'up'] } },
    'pre-stop': { type: 'http', parameters: { host: 'cart', port: 8080, path: '/drain' } },
  };
  const created = await stage.post(at, { ...instanceBody, configuration: { lifecycle } });
  const id = created.text('instance_id');
  assert.deepEqual((await content(stage, id)).lifecycle, {
    entrypoint: { command: ['/bin/app'], args: ['--port', '$(PORT)'] },
    postStart: { type: 'command', command: ['touch', 'up'] },
    preStop: { type: 'http', path: '/drain', host: 'cart' },
  });
  assert.equal((await content(stage, id)).contractPort, 8080);
  await served(stage, created);
  const one = `${at}/${id}`;
  assert.deepEqual((await stage.get(one)).at('configuration', 'lifecycle'), lifecycle);
  await served(stage, await stage.put(one, { version: '2', configuration: {} }), 2);
  assert.deepEqual((await stage.get(one)).at('configuration', 'lifecycle'), lifecycle);
  const other = await stage.put(one, {
    version: '3',
    configuration: { probes: { livenessProbe: { type: 'tcp', parameters: { port: 9090 } } } },
  });
  assert.match(other.text('error_msg'), /9090 .*the stored lifecycle is 8080/);
  const changed = { 'pre-stop': { type: 'command', parameters: { command: ['sleep', '1'] } } };
  await served(stage, await stage.put(one, { version: '3', configuration: { lifecycle: changed } }), 3);
  assert.deepEqual(Object.keys((await content(stage, id)).lifecycle ?? {}), ['preStop']);
  assert.deepEqual((await stage.get(one)).at('configuration', 'lifecycle'), changed);
  await served(stage, await stage.put(one, { version: '4', configuration: { lifecycle: {} } }), 4);
  assert.equal((await content(stage, id)).lifecycle, undefined);
  assert.equal((await stage.get(one)).at('configuration', 'lifecycle'), undefined);
});

test('the empty members that clients send for what was not set change nothing', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const configuration = {
    lifecycle: {
      entrypoint: { command: [], args: [] },
      'post-start': {},
      'pre-stop': { type: '', parameters: {} },
    },
    storage: [],
    scheduler: { affinity: { az: [] }, 'anti-affinity': {} },
    logs: [],
    container_spec: {},
    strategy: {},
    probes: {},
  };
  const created = await stage.post(at, { ...instanceBody, configuration });
  assert.equal(created.status, 200, created.raw);
  assert.equal((await content(stage, created.text('instance_id'))).lifecycle, undefined);
});

test('storage is kept as volumes within what the operator allows, and echoed as sent', async (t) => {
  const hostPaths = [{ dir: '/srv/shared', projects: ['local'] }];
  const stage = await openStage(t, { grants: { hostPaths } });
  const at = await aComponent(stage);
  const storage = [
    {
      type: 'HostPath',
      parameters: { path: '/srv/shared/cart/' },
      mounts: [{ path: '/data/', subPath: 'v1', readOnly: true }],
    },
    { type: 'EmptyDir', parameters: { medium: 'memory' }, mounts: [{ path: '/cache', readOnly: false }] },
    { type: 'EmptyDir', parameters: {}, mounts: [{ path: 'scratch', readOnly: false, subPath: '' }] },
  ];
  const created = await stage.post(at, { ...instanceBody, configuration: { storage } });
  assert.equal(created.status, 200, created.raw);
  const id = created.text('instance_id');
  assert.deepEqual((await content(stage, id)).volumes, [
    {
      kind: 'host',
      path: '/srv/shared/cart',
      root: '/srv/shared',
      mounts: [{ path: '/data', readOnly: true, subPath: 'v1' }],
    },
    { kind: 'empty', inMemory: true, mounts: [{ path: '/cache', readOnly: false }] },
    { kind: 'empty', inMemory: false, mounts: [{ path: 'scratch', readOnly: false }] },
  ]);
  await served(stage, created);
  const one = `${at}/${id}`;
  assert.deepEqual((await stage.get(one)).at('configuration', 'storage'), storage);
  await served(stage, await stage.put(one, { version: '2', configuration: { storage: [] } }), 2);
  assert.equal((await content(stage, id)).volumes, undefined);
});

const mounted = (path: string, more: object = {}) => ({ path, readOnly: false, ...more });
const stored = (entry: object) => ({ ...instanceBody, configuration: { storage: [entry] } });

test('paths that say "here" or end in a slash are taken for what they mean, and echoed as sent', async (t) => {
  const hostPaths = [{ dir: '/srv/shared', projects: ['local'] }];
  const stage = await openStage(t, { grants: { hostPaths } });
  const at = await aComponent(stage);
  const mounts = [
    { path: '/local/./01', subPath: './store/01', readOnly: false },
    { path: './kept/', subPath: './', readOnly: false },
  ];
  const storage = [{ type: 'HostPath', parameters: { path: '/srv/./shared/' }, mounts }];
  const created = await stage.post(at, { ...instanceBody, configuration: { storage } });
  assert.equal(created.status, 200, created.raw);
  const id = created.text('instance_id');
  assert.deepEqual((await content(stage, id)).volumes, [
    {
      kind: 'host',
      path: '/srv/shared',
      root: '/srv/shared',
      mounts: [
        { path: '/local/01', readOnly: false, subPath: 'store/01' },
        { path: 'kept', readOnly: false },
      ],
    },
  ]);
  assert.deepEqual((await stage.get(`${at}/${id}`)).at('configuration', 'storage'), storage);
});

test('storage that cannot be had is refused with the reason', async (t) => {
  const hostPaths = [{ dir: '/srv/shared', projects: ['other'] }];
  const stage = await openStage(t, { grants: { hostPaths } });
  const path = await aComponent(stage);
  const empty = (...mounts: object[]) => stored({ type: 'EmptyDir', parameters: {}, mounts });
  const rows: readonly (readonly [object, RegExp])[] = [
    [
      stored({ type: 'ConfigMap', parameters: { name: 'a' }, mounts: [mounted('/a')] }),
      /"ConfigMap", which lives in a cluster.*package/,
    ],
    [
      stored({ type: 'Secret', parameters: { secretName: 'a' }, mounts: [mounted('/a')] }),
      /lives in a cluster.*configuration\.env/,
    ],
    [
      stored({ type: 'PersistentVolumeClaim', parameters: { claimName: 'a' }, mounts: [] }),
      /lives in a cluster.*HostPath/,
    ],
    [
      stored({ type: 'HostPath', parameters: { path: '/srv/shared' }, mounts: [mounted('/a')] }),
      /operator allows to this project.*OPENSTAGE_HOST_PATHS/,
    ],
    [
      stored({ type: 'HostPath', parameters: { path: '/srv/sharedness' }, mounts: [mounted('/a')] }),
      /OPENSTAGE_HOST_PATHS/,
    ],
    [
      stored({ type: 'HostPath', parameters: { path: '/srv/shared/../x' }, mounts: [mounted('/a')] }),
      /without "\.\."/,
    ],
    [
      stored({ type: 'EmptyDir', parameters: { medium: 'ssd' }, mounts: [mounted('/a')] }),
      /medium" is "ssd"; expected "memory"/,
    ],
    [
      stored({ type: 'EmptyDir', parameters: { medium: 'memory' }, mounts: [mounted('a')] }),
      /medium "memory"/,
    ],
    [stored({ type: 'EmptyDir', parameters: {} }), /mounts" is missing/],
    [empty(mounted('/etc/app')), /"\/etc\/app", which the system or the platform needs \(\/etc\)/],
    [empty(mounted('/')), /the system or the platform needs/],
    [empty(mounted(stage.dataDir)), /the system or the platform needs/],
    [empty(mounted('/a/../b')), /without "\.\."/],
    [empty(mounted('.')), /not HOME itself/],
    ...['../b', './../b', 'a/..', 'a/../../b', '..', './a/../b'].map(
      (subPath) => [empty(mounted('/a', { subPath })), /subPath" is ".*without "\.\."/] as const,
    ),
    [empty(mounted('/a', { subPath: '/b' })), /subPath" is "\/b"/],
    [empty(mounted('/a'), mounted('/a/b')), /one in the other/],
    [empty(mounted('a', { readOnly: true })), /is a link and cannot be read-only/],
  ];
  await refuseAll(
    stage,
    rows.map(([body, says]) => ({ path, body, problem: INVALID, says })),
  );
});

test('where the platform is not root an absolute mount is refused with what can be done', async (t) => {
  const stage = await openStage(t, { grants: { mayMount: false } });
  const at = await aComponent(stage);
  const refused = await stage.post(
    at,
    stored({ type: 'EmptyDir', parameters: {}, mounts: [mounted('/data')] }),
  );
  assert.match(refused.text('error_msg'), /only where the platform runs as root.*send a relative path/);
  const taken = await stage.post(at, stored({ type: 'EmptyDir', parameters: {}, mounts: [mounted('data')] }));
  assert.equal(taken.status, 200, taken.raw);
});

test('directories of logs are kept with how they are rotated, echoed as sent, and stay when storage changes', async (t) => {
  const hostPaths = [{ dir: '/srv/logs', projects: ['local'] }];
  const stage = await openStage(t, { grants: { hostPaths } });
  const at = await aComponent(stage);
  const logs = [
    {
      logPath: '/data/log/',
      rotate: 'Weekly',
      hostPath: '/srv/logs/cart',
      hostExtendPath: 'PodName/ContainerName',
    },
    { logPath: '/data/audit', rotate: 'Daily', hostPath: '/srv/logs', hostExtendPath: 'None' },
    { logPath: 'log', hostPath: '', hostExtendPath: '' },
  ];
  const storage = [{ type: 'EmptyDir', parameters: {}, mounts: [mounted('scratch')] }];
  const created = await stage.post(at, { ...instanceBody, configuration: { logs } });
  assert.equal(created.status, 200, created.raw);
  const id = created.text('instance_id');
  const kept = [
    {
      kind: 'host',
      path: '/srv/logs/cart',
      root: '/srv/logs',
      mounts: [{ path: '/data/log', readOnly: false }],
      logs: { rotate: 'weekly', isPerReplica: true, container: instanceBody.name },
    },
    {
      kind: 'host',
      path: '/srv/logs',
      root: '/srv/logs',
      mounts: [{ path: '/data/audit', readOnly: false }],
      logs: { rotate: 'daily', isPerReplica: false },
    },
    {
      kind: 'empty',
      inMemory: false,
      mounts: [{ path: 'log', readOnly: false }],
      logs: { rotate: 'hourly', isPerReplica: false },
    },
  ];
  assert.deepEqual((await content(stage, id)).logs, kept);
  await served(stage, created);
  const one = `${at}/${id}`;
  assert.deepEqual((await stage.get(one)).at('configuration', 'logs'), logs);
  await served(stage, await stage.put(one, { version: '2', configuration: { storage } }), 2);
  assert.deepEqual((await content(stage, id)).logs, kept);
  assert.deepEqual((await stage.get(one)).at('configuration', 'logs'), logs);
  const inside = [{ type: 'EmptyDir', parameters: {}, mounts: [mounted('/data')] }];
  const refused = await stage.put(one, { version: '3', configuration: { storage: inside } });
  assert.match(refused.text('error_msg'), /one in the other/);
  await served(stage, await stage.put(one, { version: '3', configuration: { logs: [] } }), 3);
  assert.equal((await content(stage, id)).logs, undefined);
});

test('directories of logs that cannot be had are refused with the reason', async (t) => {
  const stage = await openStage(t, { grants: { hostPaths: [{ dir: '/srv/logs', projects: ['other'] }] } });
  const path = await aComponent(stage);
  const logging = (...logs: object[]) => ({ ...instanceBody, configuration: { logs } });
  const rows: readonly (readonly [object, RegExp])[] = [
    [
      logging({ logPath: '/a', hostPath: '/srv/logs' }),
      /logs\[0\]\.hostPath" is "\/srv\/logs".*operator allows to this project.*OPENSTAGE_HOST_PATHS/,
    ],
    [logging({ logPath: '/a', hostPath: 'logs' }), /hostPath" is "logs"; expected an absolute directory/],
    [logging({ logPath: '/etc/app' }), /logPath" is "\/etc\/app", which the system or the platform needs/],
    [logging({ logPath: '/a/../b' }), /logPath" is .*without "\.\."/],
    [
      logging({ logPath: '/a', hostExtendPath: 'PodUID' }),
      /hostExtendPath" names directories below hostPath, which is missing/,
    ],
    [logging({ logPath: '/a' }, { logPath: '/a/b' }), /configuration\.logs.*one in the other/],
  ];
  await refuseAll(
    stage,
    rows.map(([body, says]) => ({ path, body, problem: INVALID, says })),
  );
});

test('variables of resources are shown by name alone, and ignored where they are sent back', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const env = [{ name: 'RDS_USER', value: 'own' }];
  const created = await stage.post(at, { ...instanceBody, configuration: { env } });
  const id = instanceId(created.text('instance_id'));
  const value = { keyId: 'test', nonce: 'AAAA', data: 'AAAA' };
  const resourceEnv = ['RDS_HOST', 'RDS_USER'].map((name) => ({ name, value }));
  const kept = { content: aRolloutContent({ env: resourceEnv }), resourceEnv };
  await stage.store.write((tx) => keepRolloutContent(tx, id, 1, kept));
  await served(stage, created);
  const one = `${at}/${id}`;
  const shown = await stage.get(one);
  assert.deepEqual(shown.at('configuration', 'env'), [
    { name: 'RDS_USER', value: 'own', internal: false },
    { name: 'RDS_HOST', value: '******', internal: true },
  ]);
  const configuration = { env: shown.at('configuration', 'env') };
  const returned = await stage.put(one, { version: '2', configuration });
  assert.equal(returned.status, 200, returned.raw);
  assert.deepEqual(
    (await content(stage, id)).env.map(({ name }) => name),
    ['RDS_USER'],
  );
});

test('variables are bounded together, those of the application with those of the instance', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const env = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({ name: `${prefix}_${n}`, value: 'x'.repeat(30_000) }));
  const application = at.split('/').slice(0, 3).join('/');
  const share = (count: number) =>
    stage.put(`${application}/configuration`, {
      environment_id: ENVIRONMENT,
      configuration: { env: env('SHARED', count) },
    });
  const tooMuch = await share(18);
  assert.equal(tooMuch.problem, INVALID);
  assert.match(
    tooMuch.text('error_msg'),
    /variables of the application .* have 540\d\d\d bytes together.*at most 524288/,
  );
  assert.equal((await share(10)).status, 200);
  const own = (count: number) =>
    stage.post(at, { ...instanceBody, configuration: { env: env('OWN', count) } });
  const refused = await own(8);
  assert.equal(refused.problem, INVALID);
  assert.match(
    refused.text('error_msg'),
    /variables of the instance .*inherits.* have 540\d\d\d bytes together/,
  );
  assert.equal((await own(7)).status, 200);
});
