import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { instanceId } from '../../src/domain/ids.ts';
import { ControlClient } from '../../src/ingress/control-client.ts';
import { openIngress } from '../../src/ingress/ingress.ts';
import type { Ingress } from '../../src/ingress/ingress.ts';
import { EXIT } from '../../src/ingress/proxy/exit.ts';
import { proxyPaths } from '../../src/ingress/proxy/paths.ts';
import {
  aDataDir,
  anApplication,
  anIngress,
  aRoute,
  ask,
  HOST,
  ingressOptions,
  target,
  until,
} from './stage.ts';

const MAIN = join(import.meta.dirname, '../../src/ingress/proxy/main.ts');

async function control(t: TestContext, dataDir: string): Promise<ControlClient> {
  const client = await ControlClient.open(proxyPaths(dataDir).socket);
  assert(client !== undefined, 'the proxy answers on its control socket');
  t.after(() => client.close());
  return client;
}

/** The status of an answer, or nothing while nobody listens. */
async function status(ingress: Ingress): Promise<number | undefined> {
  try {
    return (await ask(ingress.address().port)).status;
  } catch {
    return undefined;
  }
}

test('at 200 requests per second, kept alive and new, ten switches lose none', async (t) => {
  const ingress = await anIngress(t);
  const { port } = ingress.address();
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const start = async (name: string) => {
    const application = await anApplication(t, (request, response) => {
      request.resume();
      request.on('end', () => setTimeout(() => response.end(name), Math.random() * 15));
    });
    return { name, replica: `web-${name}`, ...application };
  };
  let serving = await start('0');
  await ingress.publish([aRoute([target(serving.port, serving.replica)])]);
  const failures: string[] = [];
  const answers = new Map<string, number>();
  const open = new Set<Promise<void>>();
  let sent = 0;
  const load = setInterval(() => {
    const posts = ++sent % 3 === 0;
    const one = ask(port, {
      ...{ path: `/${String(sent)}`, agent: sent % 2 === 0 ? agent : false },
      ...(posts ? { method: 'POST', body: 'x'.repeat(3000) } : {}),
    }).then(
      (answer) => {
        if (answer.status !== 200) failures.push(`${String(answer.status)} ${answer.text}`);
        answers.set(answer.text, (answers.get(answer.text) ?? 0) + 1);
      },
      (error: unknown) => void failures.push(String(error)),
    );
    open.add(one);
    void one.finally(() => open.delete(one));
  }, 5);
  t.after(() => clearInterval(load));
  for (let round = 1; round <= 10; round++) {
    const next = await start(String(round));
    const before = serving;
    await until(`${before.name} has served`, () => (answers.get(before.name) ?? 0) >= 40);
    await ingress.publish([aRoute([target(next.port, next.replica)])]);
    await until(`${before.name} is drained`, async () => !(before.replica in (await ingress.inFlight())));
    // As a process that ends: whatever it still had would be lost.
    before.server.close();
    before.server.closeAllConnections();
    serving = next;
  }
  await until('the last one has served', () => (answers.get(serving.name) ?? 0) >= 40);
  clearInterval(load);
  await Promise.all(open);
  assert.deepEqual(failures, []);
  assert.equal(answers.size, 11);
});

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

test('a second proxy on one data directory is refused with a sentence', async (t) => {
  const dataDir = aDataDir(t);
  await anIngress(t, dataDir);
  const second = spawnSync(process.execPath, [MAIN, dataDir, '127.0.0.1', '0'], { encoding: 'utf8' });
  assert.equal(second.status, EXIT.locked);
  assert.match(second.stdout, /Another ingress proxy serves the data directory/);
});

test('of proxies that start at the same moment on one data directory one serves', async (t) => {
  const dataDir = aDataDir(t);
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, [MAIN, dataDir, '127.0.0.1', '0'], { stdio: 'ignore' }),
  );
  const exits: (number | null)[] = [];
  for (const child of children) child.once('exit', (code) => exits.push(code));
  await until('three have given up', () => exits.length === 3);
  assert.deepEqual(exits, [EXIT.locked, EXIT.locked, EXIT.locked]);
  const survivor = children.find((child) => child.exitCode === null);
  await until(
    'one answers',
    async () => (await ControlClient.open(proxyPaths(dataDir).socket)) !== undefined,
  );
  const client = await control(t, dataDir);
  assert.equal((await client.status()).pid, survivor?.pid);
  await client.shutdown(0);
});

test('an address that is taken is named in the problem', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const address = taken.address();
  assert(address !== null && typeof address === 'object');
  await assert.rejects(openIngress(ingressOptions(aDataDir(t), { port: address.port })), {
    name: 'Problem',
    code: 'unavailable',
    message: new RegExp(
      `^The ingress cannot listen on 127\\.0\\.0\\.1:${String(address.port)} \\(EADDRINUSE\\)`,
    ),
  });
});

test('a platform that asks for another port gets it, table included', async (t) => {
  const dataDir = aDataDir(t);
  const first = await openIngress(ingressOptions(dataDir));
  await first.publish([aRoute([])]);
  first.close();
  const free = await openIngress(ingressOptions(aDataDir(t)));
  const wanted = free.address().port;
  await free.shutdown();
  const second = await openIngress(ingressOptions(dataDir, { port: wanted }));
  t.after(() => second.shutdown());
  assert.equal(second.address().port, wanted);
  assert.equal(await status(second), 503);
});

test('shutdown waits for what is in flight and leaves nothing running', async (t) => {
  let release = () => undefined as void;
  let isHeld = false;
  const application = await anApplication(t, (_request, response) => {
    isHeld = true;
    release = () => void response.end('at last');
  });
  const dataDir = aDataDir(t);
  const ingress = await openIngress(ingressOptions(dataDir));
  await ingress.publish([aRoute([target(application.port, 'one')])]);
  const { pid } = await (await control(t, dataDir)).status();
  const answer = ask(ingress.address().port);
  await until('the request is held', () => isHeld);
  assert.deepEqual(await ingress.inFlight(), { one: 1 });
  const over = ingress.shutdown();
  await until('nothing new is taken', async () => (await status(ingress)) === undefined);
  release();
  assert.equal((await answer).text, 'at last');
  await over;
  await until('the process is gone', () => !isAlive(pid));
});

test('a data directory with a long name has its socket elsewhere', async (t) => {
  const dataDir = join(aDataDir(t), 'd'.repeat(120));
  mkdirSync(dataDir);
  const ingress = await anIngress(t, dataDir);
  await ingress.publish([aRoute([])]);
  assert.equal(await status(ingress), 503);
  assert(!proxyPaths(dataDir).socket.startsWith(dataDir));
});

test('uploads and downloads of any size pass through bounded memory', async (t) => {
  const size = 300_000_000;
  const application = await anApplication(t, (request, response) => {
    if (request.method === 'POST') {
      let length = 0;
      request.on('data', (part: Buffer) => (length += part.length));
      request.on('end', () => response.end(String(length)));
      return;
    }
    const part = Buffer.alloc(64 * 1024, 'd');
    let left = size;
    const write = () => {
      while (left > 0) {
        left -= Math.min(left, part.length);
        if (!response.write(part)) {
          response.once('drain', write);
          return;
        }
      }
      response.end();
    };
    write();
  });
  const dataDir = aDataDir(t);
  const ingress = await anIngress(t, dataDir);
  await ingress.publish([aRoute([target(application.port)])]);
  const { pid } = await (await control(t, dataDir)).status();
  const { port } = ingress.address();
  await ask(port, { method: 'POST', body: 'warm' });
  const before = memory(pid);
  let most = before;
  const look = setInterval(() => (most = Math.max(most, memory(pid))), 100);
  t.after(() => clearInterval(look));
  const url = `http://127.0.0.1:${String(port)}/`;
  const curl = (...more: string[]) =>
    new Promise<string>((resolve, reject) => {
      const child = spawn('curl', ['-sS', '--limit-rate', '400M', '-H', `Host: ${HOST}`, ...more, url]);
      let text = '';
      child.stdout.on('data', (part: Buffer) => (text += part.toString()));
      child.once('error', reject);
      child.once('close', () => resolve(text));
    });
  const download = await curl('-o', '/dev/null', '-w', '%{size_download}');
  assert.equal(Number(download), size + (64 * 1024 - (size % (64 * 1024))));
  const file = join(dataDir, 'upload');
  writeFileSync(file, Buffer.alloc(size));
  assert.equal(await curl('-X', 'POST', '-T', file), String(size));
  const grownMb = (most - before) / 1024;
  t.diagnostic(`memory grew by ${grownMb.toFixed(0)} MB at most`);
  assert(grownMb < 120, `memory grew by ${grownMb.toFixed(0)} MB`);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function memory(pid: number): number {
  return Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
}
