import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { Connection } from '../../src/drivers/process/connection.ts';
import {
  formerSocketPath,
  makePrivate,
  socketPath,
  whyNotPrivate,
} from '../../src/drivers/process/supervisor/socket-path.ts';
import { ControlClient } from '../../src/ingress/control-client.ts';
import { isPrivate, proxyPaths } from '../../src/ingress/proxy/paths.ts';
import { findProxy } from '../../src/ingress/proxy-process.ts';
import { never, SLEEP, TestHost, until } from '../drivers/process/test-host.ts';
import { mayAttack } from './stage.ts';

const ANOTHER_USER = 64_997;
const LONG = 'a-long-name-of-a-directory-'.repeat(5);

/** Another user's socket in a directory of its own, which says what it is told. */
async function aForeignSocket(t: TestContext, path: string): Promise<{ readonly told: () => string }> {
  mkdirSync(dirname(path), { recursive: true });
  chmodSync(dirname(path), 0o777);
  t.after(() => rmSync(dirname(path), { recursive: true, force: true }));
  const program = `require('node:net').createServer((socket) => socket.pipe(process.stdout, { end: false }))
    .listen(process.argv[1], () => console.log('listening'));`;
  const child = spawn(process.execPath, ['-e', program, path], {
    uid: ANOTHER_USER,
    gid: ANOTHER_USER,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await until('it listens', () => told.includes('listening'));
  return { told: () => told };
}

test('a socket that another user put there is not spoken to, though it would answer', async (t) => {
  if (!mayAttack(t)) return;
  const dir = mkdtempSync(join(tmpdir(), 'openstage-foreign-'));
  chmodSync(dir, 0o755);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'place', 'supervisor.sock');
  const { told } = await aForeignSocket(t, path);
  const socket = connect(path);
  await once(socket, 'connect');
  socket.end('whoever connects is heard');
  await until('it heard it', () => told().includes('is heard'));
  await assert.rejects(
    Connection.open(path),
    (error) =>
      error instanceof Problem && /is not asked: .*(belongs to somebody else|chmod 700)/.test(error.message),
  );
  assert.ok(!told().includes('hello'));
});

test('one thing that another user could have made is enough to ask nobody there', async (t) => {
  if (!mayAttack(t)) return;
  const dir = mkdtempSync(join(tmpdir(), 'openstage-foreign-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const place = join(dir, 'place');
  const path = join(place, 'supervisor.sock');
  mkdirSync(place, { mode: 0o700 });
  const server = createServer();
  await once(server.listen(path), 'listening');
  t.after(() => server.close());
  const own = () => {
    chownSync(place, 0, 0);
    chmodSync(place, 0o700);
    chownSync(path, 0, 0);
  };
  own();
  assert.equal(whyNotPrivate(path), undefined);
  assert.equal(whyNotPrivate(join(place, 'none')), undefined);
  const foreign: readonly (readonly [() => void, string])[] = [
    [() => chownSync(place, ANOTHER_USER, 0), `${place} belongs to somebody else`],
    [() => chmodSync(place, 0o770), `Others may write to ${place}`],
    [() => chmodSync(place, 0o707), `Others may write to ${place}`],
    [() => chownSync(path, ANOTHER_USER, 0), `${path} belongs to somebody else`],
  ];
  for (const [make, sentence] of foreign) {
    make();
    assert.ok(whyNotPrivate(path)?.startsWith(sentence), whyNotPrivate(path));
    // The ingress proxy's lies with the routes: nobody else may even enter there.
    if (sentence.includes(`${place} `) || sentence.endsWith(place)) assert.equal(isPrivate(place), false);
    own();
    assert.equal(isPrivate(place), true);
  }
  writeFileSync(join(place, 'file'), '');
  assert.match(whyNotPrivate(join(place, 'file')) ?? '', /file belongs to somebody else/);
  symlinkSync('place', join(dir, 'link'));
  assert.match(whyNotPrivate(join(dir, 'link', 'supervisor.sock')) ?? '', /link belongs to somebody else/);
});

test('a supervisor does not listen in a directory that another user made, nor where one put a link', (t) => {
  if (!mayAttack(t)) return;
  const dir = mkdtempSync(join(tmpdir(), 'openstage-foreign-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [own, foreign, link] = [join(dir, 'own'), join(dir, 'foreign'), join(dir, 'link')];
  mkdirSync(foreign, { mode: 0o777 });
  chownSync(foreign, ANOTHER_USER, ANOTHER_USER);
  mkdirSync(join(dir, 'target'), { mode: 0o755 });
  symlinkSync('target', link);
  for (const place of [foreign, link])
    assert.throws(() => makePrivate(place), /belongs to somebody else; remove it, or choose/);
  assert.equal(statSync(link).mode & 0o777, 0o755, 'what the link leads to stays as it was');
  makePrivate(own);
  assert.equal(statSync(own).mode & 0o777, 0o700);
});

test('with a long data directory the places that another user can make first are neither used nor asked', async (t) => {
  if (!mayAttack(t)) return;
  const host = new TestHost(t, {}, LONG);
  const former = formerSocketPath(host.dataDir);
  assert.ok(former);
  const { told } = await aForeignSocket(t, former);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP);
  await driver.ensure(rollout, 1, never());
  assert.equal((await driver.observe()).length, 1);
  const { uid, mode } = lstatSync(dirname(socketPath(host.dataDir)));
  assert.deepEqual([uid, mode & 0o777], [0, 0o700]);
  assert.match(socketPath(host.dataDir), /^\/run\//);
  assert.match(proxyPaths(host.dataDir).socket, /^\/run\//);
  assert.equal(await findProxy(host.dataDir), undefined);
  assert.equal(told(), 'listening\n');
});

test("a socket in the place of the ingress proxy's is not spoken to where another user could put it there", async (t) => {
  if (!mayAttack(t)) return;
  const dir = mkdtempSync(join(tmpdir(), 'openstage-foreign-'));
  chmodSync(dir, 0o755);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { socket } = proxyPaths(dir);
  const { told } = await aForeignSocket(t, socket);
  const careless = await ControlClient.open(socket);
  assert.ok(careless);
  careless.status().catch(() => {});
  await until('it heard it', () => told().includes('"status"'));
  careless.close();
  const heard = told();
  assert.equal(await findProxy(dir), undefined);
  assert.equal(told(), heard);
});
