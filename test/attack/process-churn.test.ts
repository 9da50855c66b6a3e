import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { parseUnfenced } from '../../src/domain/fences.ts';
import { openCgroups } from '../../src/drivers/process/supervisor/cgroup.ts';
import {
  killUnified,
  readPids,
  signalAll,
  type CgroupPlace,
} from '../../src/drivers/process/supervisor/cgroup-place.ts';
import { has } from '../drivers/process/machine.ts';
import { never, until } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

/** Each sleeps a moment, forks into new sessions and exits: who is on a list of processes may be gone when its signal comes. */
const CHURN = `
use POSIX;
open(my $oom, '>', "/proc/$$/oom_score_adj"); print $oom 500; close $oom;
$SIG{CHLD} = 'IGNORE';
sub churn {
  select(undef, undef, undef, 0.001);
  for (1 .. 4) { my $pid = fork(); if (defined $pid && $pid == 0) { POSIX::setsid(); churn(); } }
  POSIX::_exit(0);
}
for (1 .. 8) { my $pid = fork(); if (defined $pid && $pid == 0) { POSIX::setsid(); churn(); } }
sleep 300;
`;
const LIMITS = { cpuMillis: 1000, memoryBytes: 256 * 1024 ** 2 };

/** Churn inside of a cgroup, which is ended for good after the test. */
async function churnIn(t: TestContext, lists: readonly string[], end: () => void): Promise<void> {
  const join = `for list in "$@"; do echo $$ > "$list"; done; exec perl -e '${CHURN.replaceAll("'", `'"'"'`)}'`;
  const child = spawn('sh', ['-c', join, 'sh', ...lists], { detached: true, stdio: 'ignore' });
  t.after(async () => {
    await until('nobody is left', () => {
      end();
      return lists.every((list) => readPids(list).length === 0);
    });
  });
  await once(child, 'spawn');
  await until('it churns', () => readPids(lists[0] ?? '').length > 100);
}

let families = 0;

async function churning(t: TestContext, unfenced: string) {
  const family = `openstage-test-${process.pid}-${(families += 1)}`;
  const cgroups = openCgroups('/proc/self', family, parseUnfenced(unfenced));
  const place = cgroups.make('churn', LIMITS);
  assert.ok(place);
  const fenced = openCgroups('/proc/self', family);
  t.after(async () => {
    await until('its cgroups are removed', () => fenced.isRemoved(place));
    fenced.close();
  });
  // Whatever fences are left out, what the test itself started is ended by all that there is.
  const end = () => {
    const pids = join(place.dirs['pids'] ?? '', 'pids.max');
    if (existsSync(pids)) writeFileSync(pids, '0');
    fenced.kill(place);
  };
  await churnIn(t, listsOf(place), end);
  return { cgroups, place };
}

const listsOf = (place: CgroupPlace): string[] =>
  Object.values(place.dirs).map((dir) => join(dir, 'cgroup.procs'));

test('signals to all who are on a list do not end an application that forks and exits', async (t) => {
  if (!mayAttack(t)) return;
  const { place } = await churning(t, 'kill');
  const listed = listsOf(place).flatMap(readPids);
  // However fast the sender is, somebody forks before its signal comes.
  await until('somebody has ended', () => listed.some((pid) => !existsSync(`/proc/${pid}`)));
  const present = new Set(listsOf(place).flatMap(readPids));
  signalAll(
    listed.filter((pid) => present.has(pid)),
    'SIGKILL',
  );
  await wait(200);
  assert.ok(listsOf(place).flatMap(readPids).length > 0, 'it ended all');
});

test('one order ends an application that forks and exits, by the cgroup', async (t) => {
  if (!mayAttack(t)) return;
  const { cgroups, place } = await churning(t, '');
  assert.ok(place.enforced.includes('kill'));
  cgroups.kill(place);
  await until('nobody is left', () => cgroups.isEmpty(place));
  await wait(300);
  assert.ok(cgroups.isEmpty(place));
});

for (const missing of ['cgroup.kill', 'nothing']) {
  test(`the unified hierarchy ends what forks and exits (missing: ${missing})`, async (t) => {
    if (!mayAttack(t)) return;
    const { cgroups, place } = await churning(t, '');
    const { unified } = place.dirs;
    if (!has(t, unified !== undefined, 'no unified hierarchy is mounted') || unified === undefined) return;
    await until('nobody is left', () => {
      killUnified(unified, missing);
      return cgroups.isEmpty(place);
    });
  });
}

test('an instance that forks and exits is deleted within its grace', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(['/usr/bin/perl', '-e', CHURN], { user: 64_990, limits: LIMITS });
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  const own = readFileSync(`/proc/${replica?.pid}/cgroup`, 'utf8').split('\n');
  const path = own.find((line) => line.includes(':pids:'))?.split(':')[2] ?? '';
  const list = join('/sys/fs/cgroup/pids', path, 'cgroup.procs');
  await until('it churns', () => readPids(list).length > 100);
  assert.ok(readPids(list).length <= 256, 'no more than its flavor lets it have');
  await driver.retire(rollout.instance, 1, 0, 500);
  assert.deepEqual(readPids(list), []);
  assert.deepEqual(await driver.observe(), []);
});
