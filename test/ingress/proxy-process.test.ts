import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlClient } from '../../src/ingress/control-client.ts';
import { endIngress, openIngress } from '../../src/ingress/ingress.ts';
import { EXIT } from '../../src/ingress/proxy/exit.ts';
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

const MAIN = join(import.meta.dirname, '../../src/ingress/proxy/main.ts');

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

test('a proxy whose data directory was removed ends, and its port is free for the next', async (t) => {
  const dataDir = aDataDir(t);
  const child = spawn(process.execPath, [MAIN, dataDir, '127.0.0.1', '0'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await until('it answers', async () => (await ControlClient.open(proxyPaths(dataDir).socket)) !== undefined);
  assert.equal((await (await control(t, dataDir)).status()).pid, child.pid);
  rmSync(dataDir, { recursive: true });
  await until('it has ended', () => child.exitCode !== null);
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
  const ingress = await openIngress(ingressOptions(dataDir));
  await ingress.publish([aRoute([])]);
  assert.equal(await status(ingress), 503);
  const { socket } = proxyPaths(dataDir);
  assert(existsSync(socket) && !socket.startsWith(dataDir));
  await ingress.shutdown();
  assert(!existsSync(join(socket, '..')));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('whoever ends the proxy of a data directory needs no address for it, and starts none', async (t) => {
  const dataDir = aDataDir(t);
  await endIngress(dataDir);
  assert.ok(!existsSync(proxyPaths(dataDir).log), 'nothing was started');
  const ingress = await openIngress(ingressOptions(dataDir));
  ingress.close();
  await endIngress(dataDir);
  assert.equal(await ControlClient.open(proxyPaths(dataDir).socket), undefined);
});
