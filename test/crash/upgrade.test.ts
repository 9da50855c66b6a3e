import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp, Load } from '../../src/cli/tour/load.ts';
import { packSample } from '../../src/cli/tour/packages.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { Deployer } from '../e2e/deployer.ts';
import { applications, daemon, running } from './processes.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { chosenDatabase } from '../store/databases.ts';
import { Victim } from './victim.ts';

const MOST_MS = 60_000;
const BUSY = 'busy.default.localhost';
const IDLE = 'idle.default.localhost';

test('npm ci and an upgrade of the platform, there and back, under load: no request is lost, supervisor and proxy stay', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-upgrade-'));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  for (const each of [dir, dataDir]) chmodSync(each, 0o711);
  const old = aCheckout(join(dir, 'old'));
  const next = aCheckout(join(dir, 'next'));
  makeNewer(next.root);
  const { url, drop } = await chosenDatabase().place();
  const before = new Victim(dataDir, url, old);
  const after = new Victim(dataDir, url, next);
  t.after(async () => {
    await before.kill('SIGTERM');
    await after.kill('SIGTERM');
    spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    assert.deepEqual(
      running().filter(({ command }) => command.includes(dataDir)),
      [],
    );
    await drop();
    removeData(dir);
  });

  await before.start();
  let deployer = await Deployer.open(dataDir);
  const artifacts = await deployer.upload('hello/1/hello.tgz', await packSample('1'));
  const busy = await deployer.deploy({ name: 'busy', runtime: 'Nodejs8', artifacts, replica: 2 });
  const idle = await deployer.deploy({ name: 'idle', runtime: 'Nodejs8', artifacts });
  assert.deepEqual([busy.outcome.status, idle.outcome.status], ['SUCCEEDED', 'SUCCEEDED']);
  const { ingressUrl } = before.platform;
  const daemons = () => [daemon('supervisor', dataDir), daemon('proxy', dataDir)];
  const [supervisor, proxy] = daemons();
  assert.ok(supervisor !== undefined && proxy !== undefined);
  const loads = [new Load(ingressUrl, BUSY, 100), new Load(ingressUrl, BUSY, 25, { keepAlive: false })];
  t.after(() => Promise.all(loads.map((load) => load.stop())));

  // As `npm ci` begins: everything is taken away below a platform that runs.
  renameSync(join(old.root, 'node_modules'), join(dir, 'modules'));
  await killReplica(dataDir, idle.path, ingressUrl);
  assert.equal((await deployer.act(busy.path, 'restart')).status, 'SUCCEEDED');
  await before.kill('SIGTERM');
  await killReplica(dataDir, idle.path, ingressUrl);

  await after.start(before.platform);
  deployer = await Deployer.open(dataDir);
  const version: unknown = await (await fetch(`${after.platform.httpUrl}/version`)).json();
  assert.equal(textOf(version, 'version'), '99.0.0');
  assert.deepEqual(daemons(), [supervisor, proxy], 'supervisor and proxy of the version before go on');
  const second = await deployer.upload('hello/2/hello.tgz', await packSample('2'));
  const changed = await deployer.send('PUT', busy.path, { version: '2', artifacts: second });
  assert.equal((await deployer.ended(changed)).status, 'SUCCEEDED');
  assert.equal((await askApp(ingressUrl, BUSY)).text, 'Hello from 2');
  assert.equal((await deployer.act(busy.path, 'rollback', { version: '1' })).status, 'SUCCEEDED');
  assert.equal((await deployer.act(busy.path, 'scale', { replica: 1 })).status, 'SUCCEEDED');
  await killReplica(dataDir, idle.path, ingressUrl);
  assert.deepEqual(daemons(), [supervisor, proxy]);
  for (const { sent, failed } of await Promise.all(loads.map((load) => load.stop()))) {
    assert.equal(failed, 0, `${failed} of ${sent} requests failed`);
    assert.ok(sent > 0);
  }

  // The way back: daemons of the newer version, and a platform of the one before.
  for (const pid of [supervisor, proxy]) process.kill(pid, 'SIGKILL');
  await until('the newer version starts its own supervisor and proxy', () => {
    const commands = running().map(({ command }) => command);
    return ['supervisor/main.ts', 'proxy/main.ts'].every((main) =>
      commands.some((command) => command.includes(next.root) && command.includes(main)),
    );
  });
  await until('both are ready', async () => (await fetch(`${after.platform.httpUrl}/readyz`)).ok);
  const newer = daemons();
  await after.kill('SIGTERM');
  renameSync(join(dir, 'modules'), join(old.root, 'node_modules'));
  await before.start(after.platform);
  deployer = await Deployer.open(dataDir);
  assert.equal((await deployer.act(busy.path, 'restart')).status, 'SUCCEEDED');
  assert.equal((await askApp(ingressUrl, BUSY)).text, 'Hello from 1');
  assert.deepEqual(daemons(), newer);
  const shown = await deployer.send('GET', busy.path);
  assert.equal(listOf(memberOf(memberOf(shown, 'openstage'), 'replicas')).length, 1);
});

/** A copy of the project with modules, and a Node among them, of its own. */
function aCheckout(root: string): { readonly root: string; readonly node: string } {
  mkdirSync(root);
  for (const name of ['src', 'bin', 'package.json']) cpSync(name, join(root, name), { recursive: true });
  const copied = spawnSync('cp', ['-a', 'node_modules', join(root, 'node_modules')], { encoding: 'utf8' });
  assert.equal(copied.status, 0, copied.stderr);
  const brought = `node_modules/node-${process.platform}-${process.arch}/bin/node`;
  const node = join(root, existsSync(join(root, brought)) ? brought : 'node_modules/node');
  if (!existsSync(node)) cpSync(process.execPath, node);
  return { root, node };
}

/** Another version of the platform, whose protocol with the proxy was raised since; a supervisor of an earlier protocol gives way. */
function makeNewer(root: string): void {
  replace(join(root, 'package.json'), /"version": "[^"]*"/, '"version": "99.0.0"');
  replace(
    join(root, 'src/ingress/proxy/protocol.ts'),
    /export const PROTOCOL = (\d+);\nexport const OLDEST_PROTOCOL = \d+;/,
    (_, version) =>
      `export const PROTOCOL = ${Number(version) + 1};\nexport const OLDEST_PROTOCOL = ${version};`,
  );
}

function replace(file: string, what: RegExp, by: string | ((...found: readonly string[]) => string)): void {
  const text = readFileSync(file, 'utf8');
  const changed = typeof by === 'string' ? text.replace(what, by) : text.replace(what, by);
  assert.notEqual(changed, text, `${file} does not hold ${what}`);
  writeFileSync(file, changed);
}

/** Its successor serves, whatever is missing. */
async function killReplica(dataDir: string, path: string, ingressUrl: string): Promise<void> {
  const instance = path.split('/').at(-1) ?? '';
  const pids = () =>
    [...applications(dataDir)]
      .filter(([replica]) => replica.startsWith(`${instance}/`))
      .flatMap(([, processes]) => processes.map(({ pid }) => pid));
  const before = pids();
  assert.equal(before.length, 1);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await until('a killed replica is started again', () => pids().some((pid) => !before.includes(pid)));
  let said = '';
  await until(
    'it serves',
    async () => {
      const { status, text } = await askApp(ingressUrl, IDLE);
      said = `${status} ${text}`;
      return status === 200;
    },
    () => said,
  );
}

async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  why: () => string = () => '',
): Promise<void> {
  for (const end = Date.now() + MOST_MS; !(await isSo());) {
    assert.ok(Date.now() < end, `It never came about that ${what}: ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
