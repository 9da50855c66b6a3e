import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { generate } from 'selfsigned';
import type { Observed } from '../../../src/domain/rollout.ts';
import type { ProcessDriver } from '../../../src/drivers/process/driver.ts';
import { untilNext } from '../../../src/drivers/process/supervisor/health.ts';
import { ask, logOf, never, TestHost, until, untilReady, WEB } from './test-host.ts';

const prompt = { delayMs: 0, timeoutMs: 5000 };

const sees = (driver: ProcessDriver, what: RegExp): Promise<Observed | undefined> =>
  until(`it sees ${what}`, async () => {
    const [each] = await driver.observe();
    return each && what.test(each.readiness.saw) ? each : undefined;
  });

test('an application that listens elsewhere is told so in a sentence', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const elsewhere = `
    const other = require('node:http').createServer().listen(0, '127.0.0.1', () => console.log('elsewhere ' + other.address().port));`;
  const rollout = host.rollout(elsewhere);
  await driver.ensure(rollout, 1, never());
  const seen = await sees(driver, /^listens on \d+, not on PORT \(\d+\)$/);
  assert.ok(seen);
  const port = (await logOf(driver, seen)).join().match(/elsewhere (\d+)/)?.[1];
  assert.equal(seen.readiness.saw, `listens on ${port}, not on PORT (${seen.address?.port})`);
  assert.equal(seen.readiness.ready, false);
  assert.equal(seen.state, 'starting');
});

test('a port that a stranger answers on does not make an application ready', async (t) => {
  const host = new TestHost(t, { ports: { low: 19_990, high: 19_990 } });
  const driver = await host.driver();
  // It waits with its own port until the stranger has it.
  const rollout = host.rollout(`process.on('SIGUSR2', () => {}); setInterval(() => {}, 1e9);`);
  await driver.ensure(rollout, 1, never());
  const stranger = createServer((socket) => socket.destroy()).listen(19_990, '127.0.0.1');
  t.after(() => stranger.close());
  await once(stranger, 'listening');
  const seen = await sees(driver, /another program listens on PORT/);
  assert.equal(seen?.readiness.ready, false);
});

test('a port that a stranger took while the application was down is given up for another', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, rollout);
  assert.ok(before?.pid && before.address);
  const stranger = createServer((socket) => socket.destroy());
  t.after(() => stranger.close());
  driver.close();
  host.killSupervisor();
  process.kill(before.pid, 'SIGKILL');
  const { port } = before.address;
  await until('the stranger listens', async () => {
    stranger.listen(port, '127.0.0.1');
    return Promise.race([
      once(stranger, 'listening').then(() => true),
      once(stranger, 'error').then(() => false),
    ]).catch(() => false);
  });
  const next = await host.open();
  const [after] = await untilReady(next, rollout);
  assert.notEqual(after?.address?.port, before.address.port);
  assert.ok(after);
  assert.match(await ask(after, '/'), /^pid/);
});

test('two replicas never hold one port, and where none is free that is said', async (t) => {
  const host = new TestHost(t, { ports: { low: 19_980, high: 19_981 } });
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 3, never());
  const seen = await until('one has no port', async () => {
    const all = await driver.observe();
    return all.some((each) => each.readiness.saw.includes('OPENSTAGE_APP_PORTS')) ? all : undefined;
  });
  const ports = (seen ?? []).flatMap((each) => (each.address ? [each.address.port] : []));
  assert.deepEqual(ports.toSorted(), [19_980, 19_981]);
});

test('an HTTP probe waits for its answer and says what it got', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const slow = `
    let isUp = false;
    process.on('SIGUSR2', () => (isUp = true));
    require('node:http').createServer((request, response) => {
      response.statusCode = request.url === '/ready' && isUp && request.headers.host === 'shop.example' ? 200 : 503;
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1');`;
  const readiness = {
    type: 'http',
    scheme: 'HTTP',
    path: '/ready',
    host: 'shop.example',
    delayMs: 0,
    timeoutMs: 1000,
  } as const;
  const rollout = host.rollout(slow, { readiness });
  await driver.ensure(rollout, 1, never());
  const seen = await sees(driver, /^HTTP 503 from GET \/ready$/);
  assert.ok(seen?.pid);
  assert.equal(seen.readiness.ready, false);
  process.kill(seen.pid, 'SIGUSR2');
  const [ready] = await untilReady(driver, rollout);
  assert.equal(ready?.readiness.saw, 'HTTP 200 from GET /ready');
});

test('an HTTPS probe takes a certificate for another address, and asks for the name of its host', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'shop.example' }]);
  const secure = `
    const { KEY: key, CERT: cert, PORT } = process.env;
    require('node:https').createServer({ key, cert }, (request, response) => {
      response.statusCode = request.socket.servername === 'shop.example' ? 200 : 421;
      response.end();
    }).listen(Number(PORT), '127.0.0.1');`;
  const rollout = host.rollout(secure, {
    variables: { KEY: key, CERT: cert },
    readiness: { type: 'http', scheme: 'HTTPS', path: '/', host: 'shop.example:443', ...prompt },
  });
  await driver.ensure(rollout, 1, never());
  const [ready] = await untilReady(driver, rollout);
  assert.equal(ready?.readiness.saw, 'HTTP 200 from HTTPS GET /');
  const nameless = host.rollout(secure, {
    variables: { KEY: key, CERT: cert },
    readiness: { type: 'http', scheme: 'HTTPS', path: '/', ...prompt },
  });
  await driver.ensure(nameless, 1, never());
  await isSeen(driver, 'HTTP 421 from HTTPS GET /');
});

test('a probe command runs in the environment of the application and decides by its exit', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const readiness = {
    type: 'command',
    delayMs: 0,
    timeoutMs: 5000,
    command: ['/bin/sh', '-c', 'echo "$WORD of $PORT"; test -e "$HOME/up"'],
  } as const;
  const rollout = host.rollout(
    `process.on('SIGUSR2', () => require('node:fs').writeFileSync(process.env.HOME + '/up', '')); ${WEB}`,
    { readiness, variables: { WORD: 'not yet' } },
  );
  await driver.ensure(rollout, 1, never());
  const seen = await sees(driver, /^command "\/bin\/sh" exited with code 1: not yet of \d+$/);
  assert.ok(seen?.pid);
  await until('it listens', async () => (await logOf(driver, seen)).length > 0);
  process.kill(seen.pid, 'SIGUSR2');
  await untilReady(driver, rollout);
});

test('what a probe command printed is cut between characters, wherever the cut falls', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const sign = '\u{1F7E2}';
  // Of four bytes each: with these ends the cut falls before a sign and behind its first, second and third byte.
  for (const end of ['', '1', '12', '123']) {
    const program = `process.stdout.write('${sign}'.repeat(3000) + '${end}\\n'); process.exitCode = 1;`;
    const command = [process.execPath, '-e', program];
    const rollout = host.rollout(WEB, { readiness: { type: 'command', command, ...prompt } });
    await driver.ensure(rollout, 1, never());
    const seen = await until('it was probed', async () => {
      const [each] = await driver.observe(rollout.instance);
      return each && /exited with code 1: /.test(each.readiness.saw) ? each : undefined;
    });
    const line = seen?.readiness.saw.split('exited with code 1: ')[1] ?? '';
    const signs = line.slice(0, line.length - end.length);
    assert.equal(signs, sign.repeat(signs.length / sign.length), `ending with "${end}"`);
    assert.ok(signs.length > 1000 && line.endsWith(end));
  }
});

test('a replica that stops answering is no longer ready, and ready again when it answers', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const moody = `
    let isWell = true;
    process.on('SIGUSR2', () => (isWell = !isWell));
    require('node:http').createServer((request, response) => {
      response.statusCode = isWell ? 200 : 500;
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1');`;
  const rollout = host.rollout(moody, {
    readiness: { type: 'http', scheme: 'HTTP', path: '/', delayMs: 0, timeoutMs: 1000 },
  });
  await driver.ensure(rollout, 1, never());
  const [well] = await untilReady(driver, rollout);
  assert.ok(well?.pid);
  process.kill(well.pid, 'SIGUSR2');
  const ill = await sees(driver, /HTTP 500/);
  assert.equal(ill?.readiness.ready, false);
  assert.equal(ill?.state, 'running');
  process.kill(well.pid, 'SIGUSR2');
  const [again] = await untilReady(driver, rollout);
  assert.equal(again?.pid, well.pid);
});

test('an application that fails its liveness probe is started again, and its log says why', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const sick = `
    require('node:http').createServer((request, response) => {
      response.statusCode = request.url === '/alive' && process.env.ILL ? 500 : 200;
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1');`;
  const rollout = host.rollout(sick, {
    variables: { ILL: 'yes' },
    liveness: { type: 'http', scheme: 'HTTP', path: '/alive', delayMs: 0, timeoutMs: 1000 },
  });
  await driver.ensure(rollout, 1, never());
  const seen = await until('it was started again', async () => {
    const [each] = await driver.observe();
    return each && each.restarts > 0 ? each : undefined;
  });
  assert.ok(seen);
  assert.equal(seen.lastExit?.signal, 'SIGTERM');
  assert.match((await logOf(driver, seen)).join('\n'), /liveness probe failed \(HTTP 500 from GET \/alive\)/);
});

test('looks come every few milliseconds at first and once a second in the end', () => {
  assert.equal(untilNext(0, true), 5);
  assert.equal(untilNext(4000, true), 5);
  assert.equal(untilNext(10_000, true), 200);
  assert.equal(untilNext(3_600_000, true), 1000);
  assert.equal(untilNext(20, false), 5);
  assert.equal(untilNext(2000, false), 100);
});

test('a delay holds the first look back, a timeout ends one, and answers from 200 to 399 are fine', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const server = `
    const started = performance.timeOrigin;
    let first;
    require('node:http').createServer((request, response) => {
      if (request.url === '/first') return response.end(String(first - started));
      first ??= Date.now();
      if (request.url === '/slow') return;
      response.writeHead(Number(request.url.slice(1))).end();
    }).listen(Number(process.env.PORT), '127.0.0.1');`;
  const probing = (path: string, timing: { delayMs: number; timeoutMs: number }) =>
    host.rollout(server, { readiness: { type: 'http', scheme: 'HTTP', path, ...timing } });
  for (const code of [200, 204, 302, 399]) await driver.ensure(probing(`/${code}`, prompt), 1, never());
  const delayed = probing('/200', { delayMs: 3000, timeoutMs: 5000 });
  await driver.ensure(delayed, 1, never());
  const [late] = await untilReady(driver, delayed);
  assert.ok(late);
  assert.ok(Number(await ask(late, '/first')) >= 1500, 'no look comes before the delay');
  await until('all are ready', async () =>
    (await driver.observe()).every(({ readiness }) => readiness.ready),
  );
  for (const code of [400, 404, 500]) await driver.ensure(probing(`/${code}`, prompt), 1, never());
  for (const code of [400, 404, 500]) await isSeen(driver, `HTTP ${code} from GET /${code}`);
  await driver.ensure(probing('/slow', { delayMs: 0, timeoutMs: 300 }), 1, never());
  await isSeen(driver, 'no answer within 300 ms to GET /slow');
});

const isSeen = (driver: ProcessDriver, saw: string) =>
  until(`one sees "${saw}"`, async () =>
    (await driver.observe()).some(({ readiness }) => !readiness.ready && readiness.saw === saw),
  );
