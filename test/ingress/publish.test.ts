import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { proxyPaths } from '../../src/ingress/proxy/paths.ts';
import { aDataDir, anIngress, aRoute, ask, control, status, target } from './stage.ts';

test('of many tables published at once the newest is in force, with few written', async (t) => {
  const dataDir = aDataDir(t);
  const ingress = await anIngress(t, dataDir);
  const rounds = Array.from({ length: 200 }, (_, round) => `round ${String(round)}`);
  await Promise.all(rounds.map((absence) => ingress.publish([aRoute([], { absence })])));
  assert.match((await ask(ingress.address().port)).text, /round 199/);
  const { version } = await (await control(t, dataDir)).status();
  assert(version <= 3, `${String(version)} tables were written`);
});

test('an old version of the same publisher is acknowledged without effect, of another it is refused', async (t) => {
  const dataDir = aDataDir(t);
  const ingress = await anIngress(t, dataDir);
  const client = await control(t, dataDir);
  const publish = (publisher: string, version: number, absence: string) =>
    client.publish({ op: 'publish', publisher, table: { version, routes: [aRoute([], { absence })] } });
  await publish('one', 7, 'is first');
  await publish('one', 7, 'is repeated');
  await publish('one', 6, 'is old');
  await assert.rejects(publish('two', 7, 'is another'), /not above 7/);
  assert.match((await ask(ingress.address().port)).text, /is first/);
  await publish('two', 8, 'is next');
  assert.match((await ask(ingress.address().port)).text, /is next/);
});

test('a table that is acknowledged is on disk, whole', async (t) => {
  const dataDir = aDataDir(t);
  const ingress = await anIngress(t, dataDir);
  const routes = Array.from({ length: 2000 }, (_, index) =>
    aRoute([target(20_000 + index)], {
      instance: instanceId(`i${String(index)}`),
      hosts: [`h${String(index)}.localhost`],
    }),
  );
  await ingress.publish(routes);
  const kept: unknown = JSON.parse(readFileSync(proxyPaths(dataDir).routes, 'utf8'));
  assert(typeof kept === 'object' && kept !== null && 'table' in kept);
  assert.deepEqual(kept.table, { version: 1, routes });
});

test('a damaged file is replaced, and said so, instead of keeping the proxy from its work', async (t) => {
  const dataDir = aDataDir(t);
  mkdirSync(join(dataDir, 'proxy'));
  writeFileSync(proxyPaths(dataDir).routes, '{"format":1,"port":');
  const ingress = await anIngress(t, dataDir);
  await ingress.publish([aRoute([])]);
  assert.equal(await status(ingress), 503);
  assert.match(readFileSync(proxyPaths(dataDir).log, 'utf8'), /routes\.json is unreadable/);
});
