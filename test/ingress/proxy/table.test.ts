import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { instanceId } from '../../../src/domain/ids.ts';
import { anApplication, aProxyServer, aRoute, ask, HOST, target, until } from '../stage.ts';

test('a replica that left the table gets nothing new, finishes what it has, and its idle connections end', async (t) => {
  const held: (() => void)[] = [];
  let connections = 0;
  const old = await anApplication(t, (request, response) => {
    if (request.url === '/hold') held.push(() => response.end('old'));
    else response.end('old');
  });
  old.server.on('connection', (socket) => {
    connections++;
    socket.on('close', () => connections--);
  });
  const young = await anApplication(t, (_request, response) => response.end('new'));
  const proxy = await aProxyServer(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  proxy.route(aRoute([target(old.port, 'old')]));
  await Promise.all([ask(proxy.port, { agent }), ask(proxy.port, { agent }), ask(proxy.port, { agent })]);
  const waiting = ask(proxy.port, { path: '/hold', agent });
  await until('the request is held', () => held.length === 1);
  proxy.route(aRoute([target(young.port, 'new')]));
  assert.equal((await ask(proxy.port, { agent })).text, 'new');
  assert.deepEqual(proxy.table.inFlight(), { old: 1 });
  await until('only the busy connection stands', () => connections === 1);
  held[0]?.();
  assert.equal((await waiting).text, 'old');
  assert.deepEqual(proxy.table.inFlight(), {});
  await until('no connection stands', () => connections === 0);
});

test('requests go to the replica with the least in flight, in turn among equals', async (t) => {
  const counts = [0, 0, 0];
  const held: (() => void)[] = [];
  const targets = [];
  for (const index of counts.keys()) {
    const application = await anApplication(t, (request, response) => {
      counts[index] = (counts[index] ?? 0) + 1;
      if (request.url === '/hold') held.push(() => response.end());
      else response.end();
    });
    targets.push(target(application.port));
  }
  const proxy = await aProxyServer(t);
  proxy.route(aRoute(targets));
  for (let count = 0; count < 30; count++) await ask(proxy.port);
  assert.deepEqual(counts, [10, 10, 10]);
  const waiting = Array.from({ length: 9 }, () => ask(proxy.port, { path: '/hold' }));
  await until('all are held', () => held.length === 9);
  assert.deepEqual(counts, [13, 13, 13]);
  for (const release of held) release();
  await Promise.all(waiting);
});

test('the longest path that leads to a request wins, on the border of a segment, and the rest goes to whoever has the host', async (t) => {
  const saying = (what: string) =>
    anApplication(t, (request, response) => response.end(`${what} ${String(request.url)}`));
  const [whole, api, deep] = [await saying('whole'), await saying('api'), await saying('deep')];
  const proxy = await aProxyServer(t);
  const part = (port: number, path: string, instance: string) =>
    aRoute([target(port)], { instance: instanceId(instance), hosts: [], prefixes: [{ host: HOST, path }] });
  proxy.table.apply({
    version: 1,
    routes: [part(api.port, '/api', 'api'), aRoute([target(whole.port)]), part(deep.port, '/api/v2', 'deep')],
  });
  for (const [path, answer] of [
    ['/', 'whole /'],
    ['/api', 'api /api'],
    ['/api?x=1', 'api /api?x=1'],
    ['/api/v1', 'api /api/v1'],
    ['/api/v2/x', 'deep /api/v2/x'],
    ['/apiary', 'whole /apiary'],
    ['/api/v22', 'api /api/v22'],
  ] as const)
    assert.equal((await ask(proxy.port, { path })).text, answer);
  proxy.table.apply({ version: 2, routes: [part(api.port, '/api', 'api')] });
  const elsewhere = await ask(proxy.port, { path: '/' });
  assert.equal(elsewhere.status, 404);
  assert.match(elsewhere.text, /No instance has this path of the host/);
});
