import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import {
  aDeadPort,
  anApplication,
  aProxyServer,
  aRoute,
  ask,
  aTcpServer,
  echo,
  target,
  until,
} from '../stage.ts';

for (const method of ['GET', 'POST']) {
  test(`a ${method} that one replica refuses is answered by another`, async (t) => {
    const application = await echo(t);
    const proxy = await aProxyServer(t);
    proxy.route(aRoute([target(await aDeadPort(t)), target(application.port), target(await aDeadPort(t))]));
    const body = method === 'POST' ? Buffer.alloc(1_000_000, 'x') : undefined;
    for (let round = 0; round < 10; round++) {
      const answer = await ask(proxy.port, { method, ...(body === undefined ? {} : { body }) });
      assert.equal(answer.status, 200);
      assert.match(answer.text, new RegExp(`"length":${String(body?.length ?? 0)}\\b`));
    }
    assert.deepEqual(proxy.table.inFlight(), {});
  });
}

test('a POST that all replicas refuse is answered 503, and its connection serves on', async (t) => {
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(await aDeadPort(t)), target(await aDeadPort(t))]));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let round = 0; round < 3; round++) {
    const answer = await ask(proxy.port, { method: 'POST', body: 'x'.repeat(200_000), agent });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.match(answer.text, /accepts no connections/);
  }
});

test('an application that closes idle connections as requests arrive loses none, POST included', async (t) => {
  // Closes a connection without notice 25 ms after its last answer, which is when the next request comes.
  const port = await aTcpServer(t, (socket) => {
    let timer: NodeJS.Timeout | undefined;
    socket.on('data', () => {
      clearTimeout(timer);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      timer = setTimeout(() => socket.destroy(), 25);
    });
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(port)]));
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  let failed = 0;
  for (let round = 0; round < 120; round++) {
    const method = round % 2 === 0 ? 'GET' : 'POST';
    const answer = await ask(proxy.port, { method, agent, ...(method === 'POST' ? { body: 'abc' } : {}) });
    if (answer.status !== 200) failed++;
    await new Promise((resolve) => setTimeout(resolve, 22 + (round % 7)));
  }
  assert.equal(failed, 0);
});

test('a request without effect is repeated when its used connection is closed unanswered, another is not', async (t) => {
  let arrived = 0;
  const port = await aTcpServer(t, (socket) => {
    let requests = 0;
    socket.on('data', () => {
      arrived++;
      if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.destroy();
    });
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(port)]));
  const statuses: number[] = [];
  for (const method of ['GET', 'GET', 'DELETE']) statuses.push((await ask(proxy.port, { method })).status);
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.equal(arrived, 5, 'the second and the third arrived twice');
  const firstOfConnection = await aTcpServer(t, (socket) => {
    socket.on('data', () => {
      arrived++;
      socket.destroy();
    });
  });
  proxy.route(aRoute([target(firstOfConnection, 'crasher')]));
  arrived = 0;
  const answer = await ask(proxy.port);
  assert.equal(answer.status, 502);
  assert.match(answer.text, /took the request and gave no answer/);
  assert.equal(arrived, 1, 'what may have broken one replica is not tried on another');
});

test('an answer that breaks off is broken off for the client too', async (t) => {
  const application = await anApplication(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('half', () => response.destroy());
  });
  const proxy = await aProxyServer(t);
  proxy.route(aRoute([target(application.port)]));
  await assert.rejects(ask(proxy.port), { code: 'ECONNRESET' });
  await until('nothing is in flight', () => Object.keys(proxy.table.inFlight()).length === 0);
});
