import assert from 'node:assert/strict';
import { lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { record, text } from '../../../src/drivers/process/supervisor/shape.ts';
import { has, isRoot } from './machine.ts';
import { ask, launched, logOf, never, TestHost, until, untilReady, WEB } from './test-host.ts';

const USER = 210_042;
const isTexts = record(text);

async function environmentOf(
  host: TestHost,
  more: Parameters<TestHost['rollout']>[1],
): Promise<Record<string, unknown>> {
  const driver = await host.driver();
  const rollout = host.rollout(WEB, more);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const env: unknown = JSON.parse(await ask(replica, '/env'));
  assert.ok(typeof env === 'object' && env !== null);
  return { ...env, port: replica.address?.port };
}

test("a user's variable reaches the application, whatever its name", async (t) => {
  const env = await environmentOf(new TestHost(t), {
    variables: { 'log-level': 'debug', 'a.b': 'ü "$x" \n', PORT: '1' },
  });
  assert.equal(env['log-level'], 'debug');
  assert.equal(env['a.b'], 'ü "$x" \n');
  assert.equal(env['PORT'], String(env['port']), 'PORT always says the truth');
});

test('an application sees nothing of the platform’s own environment', async (t) => {
  process.env['OPENSTAGE_SECRET_OF_TEST'] = 'x';
  t.after(() => delete process.env['OPENSTAGE_SECRET_OF_TEST']);
  const env = await environmentOf(new TestHost(t), {});
  const names = [
    'HOME',
    'HOST',
    'LANG',
    'OPENSTAGE_HOME',
    'OPENSTAGE_REPLICA',
    'PATH',
    'PORT',
    'SERVER_ADDRESS',
    'SERVER_PORT',
    'TMPDIR',
    'TZ',
    'port',
  ];
  assert.deepEqual(Object.keys(env).toSorted(), names);
  assert.equal(env['SERVER_PORT'], env['PORT']);
  assert.equal(env['HOST'], '127.0.0.1');
});

test('home and temporary directory are the replica’s own, and launch files lie beside them', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = launched(host.rollout(WEB), {
    env: { CONF: '{{replicaDir}}/conf/server.conf' },
    files: [{ path: 'conf/server.conf', content: 'port={{port}} release={{releaseDir}}' }],
  });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const env: unknown = JSON.parse(await ask(replica, '/env'));
  assert.ok(isTexts(env));
  for (const dir of [env['HOME'] ?? '', env['TMPDIR'] ?? '']) assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.equal(
    readFileSync(env['CONF'] ?? '', 'utf8'),
    `port=${replica.address?.port} release=${rollout.releaseDir}`,
  );
});

test('a launch file that leaves the replica’s directory is refused', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = launched(host.rollout(WEB), { files: [{ path: 'a/../../state.json', content: '' }] });
  await driver.ensure(rollout, 1, never());
  const seen = await until('it failed', async () => (await driver.observe()).find((each) => each.lastExit));
  assert.match(seen?.readiness.saw ?? '', /not inside the replica's directory/);
});

test('a secret is nowhere in the supervisor’s files', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB, { variables: { TOKEN: 'a-canary-of-this-test' } });
  await driver.ensure(rollout, 1, never());
  const dir = join(host.dataDir, 'replicas', rollout.instance);
  for (const file of ['1-0/replica.json', '1-0/state.json', 'variables-1.json']) {
    assert.ok(!readFileSync(join(dir, file), 'utf8').includes('a-canary-of-this-test'));
    assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
  }
});

test('an application runs as its own user and reads nothing of the platform or of others', async (t) => {
  if (!has(t, isRoot(), 'only root can start processes of other users')) return;
  const host = new TestHost(t);
  const driver = await host.driver();
  const spy = `
    const fs = require('node:fs');
    const attempts = JSON.parse(process.env.ATTEMPTS);
    const result = {};
    for (const path of attempts) { try { fs.readFileSync(path); result[path] = 'read'; } catch (error) { result[path] = error.code; } }
    try { fs.writeFileSync(process.env.STATE, '{}'); result.write = 'written'; } catch (error) { result.write = error.code; }
    try { fs.renameSync(process.env.STATE, process.env.HOME + '/s'); result.rename = 'renamed'; } catch (error) { result.rename = error.code; }
    fs.writeFileSync(process.env.HOME + '/mine', ''); fs.writeFileSync(process.env.TMPDIR + '/mine', '');
    console.log('result ' + JSON.stringify(result));
    ${WEB}`;
  const other = host.rollout(WEB, { user: USER + 1 });
  await driver.ensure(other, 1, never());
  await untilReady(driver, other);
  const replicas = join(host.dataDir, 'replicas');
  const attempts = [
    join(host.dir, 'key'),
    join(replicas, 'instance-2', '1-0', 'replica.json'),
    join(replicas, 'instance-2', '1-0', 'state.json'),
    join(replicas, 'instance-2', '1-0', 'log'),
    join(replicas, other.instance, '1-0', 'own', 'home', 'x'),
    join(host.dataDir, 'logs', 'supervisor.log'),
  ];
  const rollout = host.rollout(spy, {
    user: USER,
    variables: {
      ATTEMPTS: JSON.stringify(attempts),
      STATE: join(replicas, 'instance-2', '1-0', 'state.json'),
    },
  });
  assert.equal(rollout.instance, 'instance-2');
  await driver.ensure(launched(rollout, { files: [{ path: 'conf/of.user', content: 'x' }] }), 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const who: unknown = JSON.parse(await ask(replica, '/whoami'));
  assert.deepEqual(who, { uid: USER, gid: USER, groups: [USER], cwd: join(rollout.releaseDir, 'package') });
  const result: unknown = JSON.parse(
    (await logOf(driver, replica)).find((line) => line.startsWith('result '))?.slice(7) ?? '{}',
  );
  const hidden = Object.fromEntries(attempts.map((each) => [each, 'ENOENT']));
  assert.deepEqual(result, { ...hidden, write: 'EACCES', rename: 'EXDEV' });
  assert.equal(statSync(join(replicas, 'instance-2', '1-0', 'own', 'conf', 'of.user')).uid, USER);
});

test('a link that an application plants is not followed with more rights than it has', async (t) => {
  if (!has(t, isRoot(), 'only root can start processes of other users')) return;
  const host = new TestHost(t);
  const driver = await host.driver();
  const treasure = join(host.dir, 'key');
  const before = readFileSync(treasure, 'utf8');
  const plant = `
    const fs = require('node:fs');
    const own = require('node:path').dirname(process.env.HOME);
    if (!fs.existsSync(own + '/conf/planted')) {
      fs.rmSync(own + '/conf/server.conf'); fs.symlinkSync(process.env.TREASURE, own + '/conf/server.conf'); fs.writeFileSync(own + '/conf/planted', '');
    }
    ${WEB}`;
  const rollout = host.rollout(plant, { user: USER, variables: { TREASURE: treasure } });
  const files = [{ path: 'conf/server.conf', content: 'overwritten' }];
  await driver.ensure(launched(rollout, { files }), 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  await ask(replica, '/exit');
  await until('it was started again', async () => (await driver.observe())[0]?.restarts === 1);
  await untilReady(driver, rollout);
  assert.equal(readFileSync(treasure, 'utf8'), before);
  const file = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'own', 'conf', 'server.conf');
  assert.ok(lstatSync(file).isFile(), 'what was planted is gone, a new file is there');
  assert.equal(readFileSync(file, 'utf8'), 'overwritten');
});
