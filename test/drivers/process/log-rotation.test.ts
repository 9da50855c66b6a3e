import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Volume } from '../../../src/domain/volume.ts';
import { whyNoMounts } from '../../../src/drivers/process/supervisor/namespace.ts';
import { ask, never, TestHost, until, untilReady } from './test-host.ts';

const USER = 210_004;
const isRoot = process.getuid?.() === 0;
const mayMount = isRoot && (await whyNoMounts('/srv', false)) === undefined;
const HOUR_MS = 3_600_000;
const NOON = Date.parse('2026-11-25T12:30:00Z');

/** Appends what it is asked for to a log that it holds open, as loggers do. */
const LOGGER = `
const fs = require('node:fs');
const file = fs.openSync(process.env.LOG_FILE.replace('~', process.env.HOME), 'a');
require('node:http').createServer((request, response) => {
  fs.writeSync(file, request.url + '\\n');
  response.end('written');
}).listen(Number(process.env.PORT), '127.0.0.1');`;

/** A host whose logs are rotated by a clock of the test's. */
function clocked(t: TestContext) {
  let clock = '';
  const host = new TestHost(t, {
    get supervisorArgs() {
      return ['--clock-file', clock];
    },
  });
  clock = join(host.dir, 'clock');
  const setClock = (at: number) => {
    writeFileSync(`${clock}.next`, String(at));
    renameSync(`${clock}.next`, clock);
  };
  setClock(NOON);
  return { host, setClock };
}

async function logging(host: TestHost, volume: Volume, logFile: string) {
  const driver = await host.driver();
  const rollout = host.rollout(LOGGER, {
    ...(isRoot && { user: USER }),
    volumes: [volume],
    variables: { LOG_FILE: logFile },
  });
  assert.deepEqual(await driver.checkVolumes(rollout), []);
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const dir = join(host.dataDir, 'replicas', rollout.instance, '1-0');
  await until('its rotation has begun', () => readdirSync(dir).includes('rotated.json'));
  return { driver, rollout, replica, dir };
}

test("a replica's own log is rotated when its hour begins, also one that began while no supervisor ran", async (t) => {
  const { host, setClock } = clocked(t);
  const volume: Volume = {
    kind: 'empty',
    inMemory: false,
    mounts: [{ path: 'log', readOnly: false }],
    logs: { rotate: 'hourly', isPerReplica: false },
  };
  const { driver, rollout, replica, dir } = await logging(host, volume, '~/log/app.log');
  const logs = join(dir, 'volumes', '0');
  const log = join(logs, 'app.log');
  await ask(replica, '/first');
  setClock(NOON + HOUR_MS);
  await until('it was rotated', () => readdirSync(logs).includes('app.log.20261125T130000Z'));
  await until('it was emptied', () => statSync(log).size === 0);
  await ask(replica, '/second');
  assert.match(readFileSync(`${log}.20261125T130000Z`, 'utf8'), /\/first\n$/);
  assert.equal(readFileSync(log, 'utf8'), '/second\n');
  driver.close();
  host.killSupervisor();
  setClock(NOON + 2 * HOUR_MS);
  const next = await host.open();
  await until('it was rotated again', () => readdirSync(logs).includes('app.log.20261125T140000Z'));
  await until('it was emptied again', () => statSync(log).size === 0);
  assert.equal(readFileSync(`${log}.20261125T140000Z`, 'utf8'), '/second\n');
  await next.retire(rollout.instance, rollout.number, 0, 5000);
  assert.deepEqual(host.replicaDirs(), []);
});

if (mayMount) {
  test('below a directory of the host each replica writes into one of its own, which it cannot move, and a day passes before it is rotated', async (t) => {
    const place = mkdtempSync('/srv/openstage-test-');
    chmodSync(place, 0o755);
    t.after(() => rmSync(place, { recursive: true, force: true }));
    const { host, setClock } = clocked(t);
    const volume: Volume = {
      kind: 'host',
      path: place,
      root: place,
      mounts: [{ path: `${place}-seen`, readOnly: false }],
      logs: { rotate: 'daily', isPerReplica: true, container: 'cart' },
    };
    t.after(() => rmSync(`${place}-seen`, { recursive: true, force: true }));
    const { driver, rollout, replica } = await logging(host, volume, `${place}-seen/app.log`);
    const mine = join(place, `${rollout.instance}-1-0`);
    const logs = join(mine, 'cart');
    assert.deepEqual([statSync(mine).uid, statSync(logs).uid], [0, USER]);
    await ask(replica, '/first');
    setClock(NOON + HOUR_MS);
    const rotated = () =>
      readFileSync(join(host.dataDir, 'replicas', rollout.instance, '1-0', 'rotated.json'), 'utf8');
    await until('the hour was seen', () => rotated() === String(NOON + HOUR_MS));
    assert.deepEqual(readdirSync(logs), ['app.log']);
    setClock(NOON + 12 * HOUR_MS);
    await until('it was rotated', () => readdirSync(logs).includes('app.log.20261126T000000Z'));
    await driver.retire(rollout.instance, rollout.number, 0, 5000);
    assert.match(
      readFileSync(join(logs, 'app.log.20261126T000000Z'), 'utf8'),
      /\/first\n$/,
      'it outlives the replica',
    );
  });

  test("a directory of the replica's name that another user has is not taken", async (t) => {
    const place = mkdtempSync('/srv/openstage-test-');
    chmodSync(place, 0o755);
    t.after(() => rmSync(place, { recursive: true, force: true }));
    const { host } = clocked(t);
    const driver = await host.driver();
    const rollout = host.rollout(LOGGER, {
      user: USER,
      volumes: [
        {
          kind: 'host',
          path: place,
          root: place,
          mounts: [{ path: 'log', readOnly: false }],
          logs: { rotate: 'hourly', isPerReplica: true },
        },
      ],
    });
    const taken = mkdtempSync(join(place, 'x'));
    chownSync(taken, USER + 1, USER + 1);
    renameSync(taken, join(place, `${rollout.instance}-1-0`));
    await driver.ensure(rollout, 1, never());
    const [replica] = await driver.observe(rollout.instance);
    assert.match(
      String(replica?.readiness.saw),
      /could not be mounted: .*belongs to user 210005, not to 210004/,
    );
  });
}
