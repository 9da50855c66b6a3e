import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import { applications, daemon, running } from '../crash/processes.ts';
import { FaultStage, until } from '../e2e/faults-stage.ts';
import { freePorts, openstage } from './commands.ts';
import { openServer, type DatabaseServer } from './server.ts';

interface Scene {
  readonly stage: FaultStage;
  readonly server: DatabaseServer;
  readonly dataDir: string;
  /** What names database and directory to a command. */
  readonly where: readonly string[];
  /** Of the one running instance. */
  readonly instance: string;
  readonly host: string;
}

async function withRunningInstance(t: TestContext): Promise<Scene | undefined> {
  const server = await openServer();
  if (!server) return undefined;
  const stage = await FaultStage.start(t, { url: server.url, drop: () => server.cluster.stop() });
  const { dataDir } = stage.victim;
  const instance = await stage.deploy('kept', await stage.package('one'));
  await until('it serves', async () => (await stage.page('kept')) === 'one');
  const [host] = await server.ask<{ id: string }>('select id from hosts');
  assert.ok(host);
  const where = ['--database-url', server.url, '--data-dir', dataDir];
  return { stage, server, dataDir, where, instance, host: host.id };
}

/** Of a data directory, by its kernel. */
const processes = (dataDir: string) =>
  running().filter(({ command, variables }) =>
    [command, variables.get('HOME') ?? ''].join().includes(dataDir),
  );

test('a new data directory takes the place of a lost one, and its instances come back', async (t) => {
  const scene = await withRunningInstance(t);
  if (scene) await comeBack(t, scene, scene.dataDir);
});

test('so does one at another path', async (t) => {
  const scene = await withRunningInstance(t);
  if (scene) await comeBack(t, scene, elsewhere(t));
});

test('so does one at another path after a version that stored whole paths', async (t) => {
  const scene = await withRunningInstance(t);
  if (!scene) return;
  const { server, dataDir } = scene;
  const kept = `${dataDir}/node/${process.version}`;
  await server.ask(`update releases set launch_json =
    regexp_replace(launch_json, '"([^":]+)/node"', '"${kept}/node"')`);
  await server.ask(`update rollouts set content_json = jsonb_set(content_json::jsonb, '{workload,launch}',
    (select launch_json::jsonb from releases where releases.id = rollouts.release_id))::text`);
  const [stored] = await server.ask<{ launch_json: string }>('select launch_json from releases');
  assert.ok(stored?.launch_json.includes(`"${kept}/node"`), stored?.launch_json);
  await comeBack(t, scene, elsewhere(t));
});

function elsewhere(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-elsewhere-'));
  t.after(() => removeData(dir));
  return dir;
}

async function comeBack(t: TestContext, scene: Scene, dataDir: string): Promise<void> {
  const { stage, server, dataDir: lost, instance, host } = scene;
  const where = ['--database-url', server.url, '--data-dir', dataDir];
  const backup = mkdtempSync(join(tmpdir(), 'openstage-backup-'));
  t.after(() => rmSync(backup, { recursive: true }));
  const early = await openstage(['hosts', 'replace', host, ...scene.where]);
  assert.equal(early.code, 1);
  assert.match(early.err, /^openstage: Another platform is running on this database \(on host /);
  for (const name of ['key', 'admin-password', 'artifacts', 'builds'])
    cpSync(join(lost, name), join(backup, name), { recursive: true });

  await stage.victim.kill();
  rmSync(lost, { recursive: true });
  // What ran there is not left behind, where nobody could ever reach it.
  await until('nothing of the lost directory runs', async () => processes(lost).length === 0);

  mkdirSync(dataDir, { recursive: true });
  chmodSync(dataDir, 0o711);
  const refused = await openstage(['serve', ...where, ...freePorts]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    new RegExp(
      `^openstage: This data directory is new to the database, which belongs to host ${host} .*"openstage hosts replace ${host}"`,
    ),
  );
  const listed = await openstage(['hosts', 'list', ...where]);
  assert.match(listed.out, new RegExp(`^${host}  \\S+  since \\d{4}-\\d\\d-\\d\\d  1 replicas$`));
  const wrongKey = await openstage(['hosts', 'replace', host, ...where]);
  assert.equal(wrongKey.code, 1);
  assert.match(wrongKey.err, new RegExp(`copy the key file of host ${host} here first`));

  copyFileSync(join(backup, 'key'), join(dataDir, 'key'));
  const replaced = await openstage(['hosts', 'replace', host, ...where]);
  assert.equal(replaced.code, 0, replaced.err);
  assert.match((await openstage(['hosts', 'list', ...where])).out, /\(this data directory\)$/);
  for (const name of ['admin-password', 'artifacts', 'builds'])
    cpSync(join(backup, name), join(dataDir, name), { recursive: true });
  if (dataDir !== lost) await stage.moveTo(dataDir);
  else await stage.victim.start();
  await stage.signIn();
  await until('the instance is back', async () => (await stage.page('kept')) === 'one');
  assert.equal(applications(dataDir).size, 1);
  assert.ok(daemon('supervisor', dataDir));
  const shown = await stage.deployer.send('GET', instance);
  assert.equal(listOf(memberOf(memberOf(shown, 'openstage'), 'replicas')).length, 1);
  assert.equal((await server.ask('select 1 from hosts')).length, 1);
  assert.equal((await stage.deployer.act(instance, 'restart')).status, 'SUCCEEDED');
}

test('without a backup of the packages, the place is taken as well, and a deployment brings an instance back', async (t) => {
  const scene = await withRunningInstance(t);
  if (!scene) return;
  const { stage, dataDir, where, instance, host } = scene;
  const backup = mkdtempSync(join(tmpdir(), 'openstage-backup-'));
  t.after(() => rmSync(backup, { recursive: true }));
  for (const name of ['key', 'admin-password']) copyFileSync(join(dataDir, name), join(backup, name));
  await stage.victim.kill();
  rmSync(dataDir, { recursive: true });
  await until('nothing of the lost directory runs', async () => processes(dataDir).length === 0);
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o711);
  for (const name of ['key', 'admin-password']) copyFileSync(join(backup, name), join(dataDir, name));
  const replaced = await openstage(['hosts', 'replace', host, ...where]);
  assert.equal(replaced.code, 0, replaced.err);
  await stage.victim.start();
  await stage.signIn();
  await until('the instance tells what it lacks', async () =>
    /could not be started/.test(JSON.stringify(await stage.deployer.send('GET', instance))),
  );
  const artifacts = await stage.package('two');
  await stage.succeeded(await stage.deployer.send('PUT', instance, { version: '2', artifacts }));
  assert.equal(await stage.page('kept'), 'two');
});
