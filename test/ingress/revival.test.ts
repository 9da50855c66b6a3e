import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openIngress } from '../../src/ingress/ingress.ts';
import { proxyPaths } from '../../src/ingress/proxy/paths.ts';
import {
  aDataDir,
  anApplication,
  anIngress,
  aRoute,
  ask,
  control,
  ingressOptions,
  status,
  target,
  until,
} from './stage.ts';

test('a proxy that is killed is back on its port with its table', async (t) => {
  const dataDir = aDataDir(t);
  const application = await anApplication(t, (_request, response) => response.end('fine'));
  const ingress = await anIngress(t, dataDir);
  await ingress.publish([aRoute([target(application.port)])]);
  const { port } = ingress.address();
  for (let round = 0; round < 3; round++) {
    const { pid } = await (await control(t, dataDir)).status();
    const start = performance.now();
    process.kill(pid, 'SIGKILL');
    await until('the killed proxy is gone', async () => (await status(ingress)) === undefined);
    await until('another answers', async () => (await status(ingress)) === 200);
    const tookMs = performance.now() - start;
    t.diagnostic(`back after ${tookMs.toFixed(0)} ms`);
    assert(tookMs < 5_000, `it took ${tookMs.toFixed(0)} ms`);
    assert.equal(ingress.address().port, port);
    await ingress.publish([aRoute([target(application.port)])]);
    assert.deepEqual(await ingress.inFlight(), {});
  }
});

test('without a platform the proxy serves on, and a new one serves what its file says', async (t) => {
  const dataDir = aDataDir(t);
  const application = await anApplication(t, (_request, response) => response.end('fine'));
  const first = await openIngress(ingressOptions(dataDir));
  const { port } = first.address();
  await first.publish([aRoute([target(application.port)])]);
  const before = await (await control(t, dataDir)).status();
  first.close();
  assert.equal((await ask(port)).text, 'fine');
  process.kill(before.pid, 'SIGKILL');
  await until('it is gone', async () => (await status(first)) === undefined);
  const second = await anIngress(t, dataDir);
  assert.equal(second.address().port, port);
  assert.equal((await ask(port)).text, 'fine');
  const after = await (await control(t, dataDir)).status();
  assert.notEqual(after.pid, before.pid);
  assert.deepEqual([after.publisher, after.version], [before.publisher, before.version]);
});

test('a platform that starts again finds the living proxy and publishes above what is in force', async (t) => {
  const dataDir = aDataDir(t);
  const first = await openIngress(ingressOptions(dataDir));
  for (let count = 0; count < 3; count++) await first.publish([aRoute([])]);
  first.close();
  const before = await (await control(t, dataDir)).status();
  const second = await anIngress(t, dataDir);
  await second.publish([aRoute([], { absence: 'is stopped' })]);
  const after = await (await control(t, dataDir)).status();
  assert.equal(after.pid, before.pid);
  assert.equal(after.version, before.version + 1);
  assert.notEqual(after.publisher, before.publisher);
  assert.match((await ask(second.address().port)).text, /is stopped/);
});

test('since a restart of the machine nothing is forwarded until the platform has spoken', async (t) => {
  const dataDir = aDataDir(t);
  const application = await anApplication(t, (_request, response) => response.end('fine'));
  const first = await openIngress(ingressOptions(dataDir));
  await first.publish([aRoute([target(application.port)])]);
  await first.shutdown();
  const file = proxyPaths(dataDir).routes;
  const text = readFileSync(file, 'utf8');
  const ofEarlierBoot = text.replace(/"boot":"[^"]*"/, '"boot":"an earlier one"');
  assert.notEqual(ofEarlierBoot, text);
  writeFileSync(file, ofEarlierBoot);
  const second = await anIngress(t, dataDir);
  const answer = await ask(second.address().port);
  assert.equal(answer.status, 503);
  assert.match(answer.text, /is being started again/);
  await second.publish([aRoute([target(application.port)])]);
  assert.equal(await status(second), 200);
});
