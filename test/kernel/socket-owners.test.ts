import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { OwnReach, plainReach } from '../../src/kernel/reach.ts';
import { SocketOwners } from '../../src/kernel/socket-owners.ts';
import type { Known } from '../../src/kernel/socket-owners.ts';
import { has, isRoot } from '../drivers/process/machine.ts';
import { aDeadPort, aProxyServer, aRoute, ask, sendRaw, target } from '../ingress/stage.ts';
import { aNode, runAs, THIEF, VICTIM, WEB } from '../ingress/proxy/strangers.ts';

const mayHaveUsers = (t: TestContext): boolean =>
  has(t, process.platform === 'linux' && isRoot(), 'whose socket answers is told on Linux, as root');

const ofVictim = (port: number) => ({ ...target(port), user: VICTIM });

async function aLookingProxy(t: TestContext) {
  const lines: string[] = [];
  const reach = await OwnReach.open((line) => lines.push(line));
  return { ...(await aProxyServer(t, undefined, reach)), reach, lines };
}

for (const [name, host, ipv6Only] of [
  ['127.0.0.1', '127.0.0.1', false],
  ['all addresses of IPv4', '0.0.0.0', false],
  ['all addresses of both', '::', false],
  ['127.0.0.1 written as IPv6', '::ffff:127.0.0.1', false],
] as const) {
  test(`an application that listens on ${name} is reached as its own, a stranger there is not`, async (t) => {
    if (!mayHaveUsers(t)) return;
    const [node, port] = [aNode(t), await aDeadPort(t)];
    const proxy = await aLookingProxy(t);
    proxy.route(aRoute([ofVictim(port)]));
    const victim = await runAs(t, node, VICTIM, WEB, port, 'victim', host, ipv6Only);
    for (let turn = 0; turn < 3; turn++) assert.equal((await ask(proxy.port)).text, 'victim');
    await victim.end();
    const thief = await runAs(t, node, THIEF, WEB, port, 'thief', host, ipv6Only);
    const plain = await aProxyServer(t);
    plain.route(aRoute([ofVictim(port)]));
    assert.equal((await ask(plain.port)).text, 'thief', 'the attack works where nobody looks');
    const stolen = await ask(proxy.port, { method: 'POST', body: 'secret' });
    assert.equal(stolen.status, 503);
    assert(proxy.reach.count > 0, 'it is counted');
    assert.match(proxy.lines.join('\n'), /is not held by its user 71001: nothing was sent there/);
    assert.match(
      await sendRaw(
        proxy.port,
        'GET / HTTP/1.1\r\nHost: web.shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      ),
      /^HTTP\/1\.1 503 /,
      'nor is a WebSocket opened',
    );
    await thief.end();
    await runAs(t, node, VICTIM, WEB, port, 'victim again', host, ipv6Only);
    await untilText(proxy.port, 'victim again');
  });
}

test('a listener counts only where the very same one was there before the connection began', async (t) => {
  if (!has(t, process.platform === 'linux', 'whose socket answers is told on Linux')) return;
  const port = await aDeadPort(t);
  const listening = async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    await once(server.listen(port, '127.0.0.1'), 'listening');
    const end = () => new Promise((resolve) => server.close(resolve));
    t.after(end);
    return end;
  };
  const owners = new SocketOwners();
  const known: Known = { inodes: [], proven: [] };
  const isOwn = async (user = process.getuid?.() ?? 0) => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const found = await owners.isOf(socket, target(port), user, known);
    socket.destroy();
    return found;
  };
  const end = await listening();
  // Between our connect and our look a stranger's may have gone and this one come.
  assert.equal(await isOwn(), false);
  assert.equal(await isOwn(), true);
  assert.equal(await isOwn(THIEF), false);
  assert.equal(await isOwn(), false, 'what was there for another does not count');
  assert.equal(await isOwn(), true);
  await end();
  await listening();
  assert.equal(await isOwn(), false);
  assert.equal(await isOwn(), true);
});

async function untilText(port: number, text: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await ask(port)).text === text) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`"${text}" was never answered`);
}

test('a request goes to the next replica where the first one’s port is a stranger’s', async (t) => {
  if (!mayHaveUsers(t)) return;
  const [node, stolen, own] = [aNode(t), await aDeadPort(t), await aDeadPort(t)];
  const proxy = await aLookingProxy(t);
  proxy.route(aRoute([ofVictim(stolen), ofVictim(own)]));
  await runAs(t, node, THIEF, WEB, stolen, 'thief', '127.0.0.1');
  await runAs(t, node, VICTIM, WEB, own, 'victim', '127.0.0.1');
  for (let turn = 0; turn < 20; turn++) {
    assert.equal((await ask(proxy.port, { method: 'POST', body: 'secret' })).text, 'victim');
  }
});

test('an application that has "::" for IPv6 alone does not lend its name to a stranger beside it', async (t) => {
  if (!mayHaveUsers(t)) return;
  const [node, port] = [aNode(t), await aDeadPort(t)];
  const proxy = await aLookingProxy(t);
  proxy.route(aRoute([ofVictim(port)]));
  await runAs(t, node, VICTIM, WEB, port, 'victim', '::', true);
  await runAs(t, node, THIEF, WEB, port, 'thief', '127.0.0.1');
  assert.equal((await ask(proxy.port)).status, 503);
});

const CLUSTER = `
const cluster = require('node:cluster');
const [port] = process.argv.slice(2);
if (cluster.isPrimary) {
  let ready = 0;
  for (let each = 0; each < 3; each++) cluster.fork().on('message', () => { if (++ready === 3) console.log('ready'); });
  process.on('disconnect', () => process.exit());
} else {
  process.on('disconnect', () => process.exit());
  require('node:net').createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\nConnection: close\\r\\n\\r\\nvictim'));
  }).listen({ port: Number(port), host: '127.0.0.1', reusePort: process.argv[3] === 'group', exclusive: process.argv[3] === 'group' }, () => process.send('listening'));
}
`;

for (const how of ['group', 'inherited'] as const) {
  test(`processes of one user that share a port (${how}) are all its own`, async (t) => {
    if (!mayHaveUsers(t)) return;
    const [node, port] = [aNode(t), await aDeadPort(t)];
    const proxy = await aLookingProxy(t);
    proxy.route(aRoute([ofVictim(port)]));
    await runAs(t, node, VICTIM, CLUSTER, port, how);
    await Promise.all(
      Array.from({ length: 60 }, async () => assert.equal((await ask(proxy.port)).text, 'victim')),
    );
  });
}

/** Holds a listener whose queue is full, and so silent; then a connect from the victim's port to it, which waits. */
const SILENT = `
const net = require('node:net');
const server = net.createServer().listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 1 }, () => {
  console.log('ready');
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
`;
const JOINER = `
const net = require('node:net');
const [port, source] = process.argv.slice(2).map(Number);
const fillers = Array.from({ length: 4 }, () => net.connect(source, '127.0.0.1').on('error', () => undefined));
setTimeout(() => {
  const socket = net.connect({ port: source, host: '127.0.0.1', localAddress: '127.0.0.1', localPort: port });
  socket.on('error', () => undefined);
  socket.on('data', () => socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nthief'));
  setTimeout(() => console.log('ready'), 50);
}, 50);
`;

test('a stranger that connects from the port of a living application gets nothing of ours', async (t) => {
  if (!mayHaveUsers(t)) return;
  const [node, port, source] = [aNode(t), await aDeadPort(t), await aDeadPort(t)];
  const silent = await runAs(t, node, THIEF, SILENT, source);
  await runAs(t, node, THIEF, JOINER, port, source);
  await runAs(t, node, VICTIM, WEB, port, 'victim', '127.0.0.1');
  await silent.end();
  const joined = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1', localPort: source });
  assert.match(await firstAnswer(joined), /thief/, 'a place that can be foreseen is joined by the kernel');
  const proxy = await aLookingProxy(t);
  proxy.route(aRoute([ofVictim(port)]));
  const places = new Set<string>();
  const addresses = new Set<string>();
  for (let turn = 0; turn < 200; turn++) {
    const socket = await proxy.reach.connect(ofVictim(port), { inodes: [], proven: [] });
    places.add(`${socket.localAddress ?? ''}:${String(socket.localPort)}`);
    addresses.add(socket.localAddress ?? '');
    assert.match(await firstAnswer(socket), /victim/);
  }
  assert.equal(places.size, 200, 'each connection comes from elsewhere');
  assert.ok(addresses.size > 190, `from ${addresses.size} addresses, which somebody could foresee`);
});

function firstAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.write('GET / HTTP/1.1\r\nHost: web.shop.localhost\r\n\r\n');
  });
}

test('a target of a table that names no user is reached as before', async (t) => {
  if (!mayHaveUsers(t)) return;
  const [node, port] = [aNode(t), await aDeadPort(t)];
  await runAs(t, node, THIEF, WEB, port, 'somebody', '127.0.0.1');
  const reach = await OwnReach.open(() => undefined);
  for (const each of [reach, plainReach]) {
    const socket = await each.connect(target(port), { inodes: [], proven: [] });
    assert.match(await firstAnswer(socket), /somebody/);
  }
});
