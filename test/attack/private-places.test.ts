import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Fence } from '../../src/domain/fences.ts';
import { logOf, never, type TestHost, untilReady, WEB } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

const USER = 210_122;
const MIB = 1024 * 1024;

/** Leaves files in the host's common places, and tells what it sees of the host. */
const spy = (name: string, others: string) => `
const fs = require('node:fs');
const seen = {};
for (const dir of ['/tmp', '/dev/shm', '/var/tmp']) fs.writeFileSync(dir + '/${name}', 'left behind');
seen.data = (() => { try { return fs.readdirSync(${JSON.stringify(others)}); } catch (error) { return error.code; } })();
// What a known name below a directory that may not be listed leads to.
seen.names = ['replicas', 'builds', 'logs', 'run'].filter((name) => fs.existsSync(${JSON.stringify(`${others}/`)} + name));
seen.processes = fs.readdirSync('/proc').filter((each) => Number(each) > 0).length;
seen.fill = 'written';
try {
  const file = fs.openSync('/dev/shm/big', 'w');
  for (let size = 0; size < ${300 * MIB}; size += ${MIB}) fs.writeSync(file, Buffer.alloc(${MIB}));
} catch (error) { seen.fill = error.code; }
console.log('seen ' + JSON.stringify(seen));
${WEB}`;

/** Below /tmp a data directory would be out of sight for the sake of /tmp alone. */
function besideTmp(make: () => TestHost): TestHost {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = '/srv';
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
}

async function attack(t: TestContext, unfenced: readonly Fence[]) {
  const name = `openstage-attack-${process.pid}-${unfenced.length}`;
  const places = ['/tmp', '/dev/shm', '/var/tmp'].map((dir) => `${dir}/${name}`);
  t.after(() => [...places, '/dev/shm/big'].forEach((place) => rmSync(place, { force: true })));
  const host = besideTmp(() => aHost(t, unfenced));
  const driver = await host.driver();
  const limits = { cpuMillis: 1000, memoryBytes: unfenced.length > 0 ? 600 * MIB : 400 * MIB };
  const rollout = host.rollout(spy(name, host.dataDir), { user: USER, limits });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.ok(replica);
  const line = (await logOf(driver, replica)).findLast((each) => each.startsWith('seen ')) ?? '';
  await driver.retire(rollout.instance, rollout.number, 0, 1000);
  const seen: { data: string | string[]; names: string[]; processes: number; fill: string } = JSON.parse(
    line.slice(5),
  );
  return { left: places.filter((place) => existsSync(place)), seen };
}

test('what a replica puts into common places is its own, bounded by its memory, and gone with it', async (t) => {
  if (!mayAttack(t)) return;
  const open = await attack(t, ['mounts', 'processes', 'ipc']);
  assert.equal(open.left.length, 3, 'without the fences files stay behind');
  assert.ok(open.seen.processes > 3);
  assert.deepEqual(open.seen.names, ['replicas', 'logs', 'run']);
  const fenced = await attack(t, []);
  assert.deepEqual(fenced.left, []);
  assert.equal(fenced.seen.data, 'EACCES', 'it may pass through the data directory, not look around');
  assert.deepEqual(fenced.seen.names, ['replicas'], 'nor go by what it knows, but to its own');
  assert.ok(fenced.seen.processes <= 3, `${fenced.seen.processes} processes`);
  assert.equal(fenced.seen.fill, 'ENOSPC');
});

test('the holder of a replica ends with it, whoever is killed meanwhile', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB, { user: USER });
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  const holders = () => holdersOf(host.dataDir);
  assert.equal(holders().length > 0, true);
  driver.close();
  host.killSupervisor();
  const next = await host.open();
  const [adopted] = await untilReady(next, rollout);
  assert.equal(adopted?.pid, replica?.pid);
  await next.retire(rollout.instance, rollout.number, 0, 1000);
  assert.deepEqual(holders(), []);
});

/** By the table that unshare was given; names of instances come again in other runs on this machine. */
function holdersOf(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => Number(name) > 0)
    .filter((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        const isLiving = !/^State:\tZ/m.test(readFileSync(`/proc/${name}/status`, 'utf8'));
        return (
          isLiving &&
          words[0]?.endsWith('unshare') &&
          words.some((word) => word.startsWith(join(dataDir, 'replicas')))
        );
      } catch {
        return false;
      }
    });
}
