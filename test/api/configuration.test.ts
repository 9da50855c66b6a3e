import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { findInstance } from '../../src/store/instances.ts';
import { findRelease } from '../../src/store/releases.ts';
import { aComponent, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { openStage, type Stage } from './stage.ts';

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
