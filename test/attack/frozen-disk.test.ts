import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { chownSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Volume } from '../../src/domain/volume.ts';
import type { ProcessDriver } from '../../src/drivers/process/driver.ts';
import { has } from '../drivers/process/machine.ts';
import { never, SLEEP, TestHost, until, untilReady, WEB } from '../drivers/process/test-host.ts';
import { mayAttack } from './stage.ts';

const USER = 210_181;
const NEIGHBOUR = 210_182;
const CALLS = 200;
/** For all of them, on the busiest machine. */
const ANSWERS_MS = 30_000;
const NOON = Date.parse('2026-11-25T12:30:00Z');
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

/** A small disk below /srv that can be made to stand still: whoever writes to it waits, and no signal ends that. */
function aDisk(t: TestContext) {
  const place = mkdtempSync('/srv/openstage-disk-');
  chmodSync(place, 0o755);
  const [image, dir] = [join(place, 'image'), join(place, 'disk')];
  mkdirSync(dir);
  writeFileSync(image, '');
  truncateSync(image, 8 * MIB);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, dir]);
  let isFrozen = false;
  const freeze = () => {
    execFileSync('fsfreeze', ['-f', dir]);
    isFrozen = true;
  };
  const thaw = () => {
    if (isFrozen) execFileSync('fsfreeze', ['-u', dir]);
    isFrozen = false;
  };
  // What a test of ours leaves must go however it ends, for nothing that waits for the disk can be ended.
  const end = () => {
    thaw();
    execFileSync('umount', ['-l', dir]);
    rmdirSync(dir);
    rmSync(place, { recursive: true, force: true });
  };
  t.after(end);
  return { place, dir, freeze, thaw };
}

const mayFreeze = (t: TestContext): boolean => {
  if (!mayAttack(t)) return false;
  const names = readdirSync('/dev').filter((name) => name.startsWith('loop'));
  return has(t, names.includes('loop-control'), 'a disk that stands still needs loop devices');
};

/** Every one of the calls about the neighbour is answered, and it is the neighbour of before. */
async function answersAboutOthers(driver: ProcessDriver, neighbour: Parameters<ProcessDriver['observe']>[0]) {
  const [before] = await driver.observe(neighbour);
  return async () => {
    const late = wait(ANSWERS_MS, 'late' as const, { ref: false });
    for (let call = 0; call < CALLS; call += 1) {
      const seen = await Promise.race([driver.observe(neighbour), late]);
      assert.notEqual(seen, 'late', `only ${call} of ${CALLS} calls were answered`);
      assert.ok(seen !== 'late');
      assert.equal(seen[0]?.pid, before?.pid);
    }
  };
}

test('calls about others are answered while storage of one lies on a disk that stands still, and its start fails in a sentence', async (t) => {
  if (!mayFreeze(t)) return;
  const disk = aDisk(t);
  const host = new TestHost(t);
  t.after(disk.thaw);
  const driver = await host.driver();
  const other = host.rollout(WEB, { user: NEIGHBOUR });
  await driver.ensure(other, 1, never());
  await untilReady(driver, other);
  const shared = join(disk.dir, 'shared');
  mkdirSync(shared);
  chownSync(shared, USER, USER);
  const volume: Volume = {
    kind: 'host',
    path: shared,
    root: disk.dir,
    mounts: [
      { path: `${disk.place}/seen`, readOnly: false, subPath: 'a/b' },
      { path: 'below-home', readOnly: false, subPath: 'c' },
    ],
  };
  const stuck = host.rollout(WEB, { user: USER, volumes: [volume] });
  const answersAll = await answersAboutOthers(driver, other.instance);
  disk.freeze();
  const starting = driver.ensure(stuck, 1, never());
  await answersAll();
  await starting;
  const [failed] = await driver.observe(stuck.instance);
  assert.match(failed?.readiness.saw ?? '', /storage could not be mounted: .* within \d+ s/);
  // It is tried again and again, and what waits for the disk does not add up.
  await until('it was tried again', async () =>
    (await driver.observe(stuck.instance)).some(({ restarts }) => restarts >= 3),
  );
  assert.ok(waiting(host.supervisorPid()) <= 2, 'no more than two wait for the disk');
  await answersAll();
  disk.thaw();
  await untilReady(driver, stuck);
});

test('calls about others are answered while logs are rotated on a disk that stands still', async (t) => {
  if (!mayFreeze(t)) return;
  const disk = aDisk(t);
  let clock = '';
  const host = new TestHost(t, {
    get supervisorArgs() {
      return ['--clock-file', clock];
    },
  });
  t.after(disk.thaw);
  clock = join(host.dir, 'clock');
  const setClock = (at: number) => {
    writeFileSync(`${clock}.next`, String(at));
    renameSync(`${clock}.next`, clock);
  };
  setClock(NOON);
  const logs = join(disk.dir, 'logs');
  mkdirSync(logs);
  chownSync(logs, USER, USER);
  const driver = await host.driver();
  const other = host.rollout(WEB, { user: NEIGHBOUR });
  const writer = host.rollout(SLEEP, {
    user: USER,
    volumes: [
      {
        kind: 'host',
        path: logs,
        root: disk.dir,
        mounts: [{ path: `${disk.place}/seen`, readOnly: false }],
        logs: { rotate: 'hourly', isPerReplica: false },
      },
    ],
  });
  await driver.ensure(other, 1, never());
  await driver.ensure(writer, 1, never());
  await untilReady(driver, other);
  const begun = join(host.dataDir, 'replicas', writer.instance, '1-0');
  await until('its rotation has begun', () => readdirSync(begun).includes('rotated.json'));
  const log = join(logs, 'app.log');
  writeFileSync(log, 'one\n');
  chownSync(log, USER, USER);
  const answersAll = await answersAboutOthers(driver, other.instance);
  disk.freeze();
  setClock(NOON + HOUR_MS);
  await until('somebody rotates', () => waiting(host.supervisorPid()) > 0);
  await answersAll();
  disk.thaw();
  await until('it was rotated', () => readdirSync(logs).includes('app.log.20261125T130000Z'));
});

/** Processes that the supervisor started and that wait for a disk, as the kernel tells. */
function waiting(supervisor: number): number {
  const { stdout } = { stdout: execFileSync('ps', ['-e', '-o', 'ppid=,state=,args='], { encoding: 'utf8' }) };
  return stdout.split('\n').filter((line) => {
    const [parent, state] = line.trim().split(/\s+/);
    return Number(parent) === supervisor && state === 'D';
  }).length;
}
