import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import type { Guard } from '../../src/domain/fences.ts';
import { never, SLEEP, until, type TestHost } from '../drivers/process/test-host.ts';
import { aHost, mayAttack } from './stage.ts';

/** Nobody's on this machine: no instance of a test gets it. */
const ANOTHER_USER = 64_999;
const FORMER: readonly Guard[] = ['adoption-by-owner'];

/** A process of another user that says of itself to be a replica of this host. */
async function anImpostor(t: TestContext, host: TestHost, replica: string): Promise<ChildProcess> {
  const home = createHash('sha256').update(host.dataDir).digest('hex').slice(0, 16);
  const impostor = spawn(SLEEP[0] ?? '', SLEEP.slice(1), {
    env: { OPENSTAGE_HOME: home, OPENSTAGE_REPLICA: replica },
    uid: ANOTHER_USER,
    gid: ANOTHER_USER,
    detached: true,
    stdio: 'ignore',
  });
  t.after(() => impostor.kill('SIGKILL'));
  await once(impostor, 'spawn');
  return impostor;
}

/** Prints a line when somebody opens the environment of a process: the kernel tells by inotify, which Node does not ask for this. */
const OPENED = `
my ($pid) = @ARGV;
$| = 1;
my $notify = syscall(294, 0);
my $path = "/proc/$pid/environ";
die "inotify" if syscall(254, $notify, $path, 0x20) < 0;
print "watching\\n";
open(my $events, '<&=', $notify) or die;
while (sysread($events, my $event, 4096)) { print "opened\\n"; }
`;

async function watchEnvironment(t: TestContext, pid: number): Promise<{ readonly opened: () => boolean }> {
  const watcher = spawn('perl', ['-e', OPENED, String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => watcher.kill('SIGKILL'));
  let said = '';
  watcher.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('the environment is watched', () => said.includes('watching'));
  return { opened: () => said.includes('opened') };
}

async function anotherSupervisor(host: TestHost): Promise<void> {
  const driver = await host.driver();
  const before = host.supervisorPid();
  host.killSupervisor();
  await until('another supervisor took over', () => host.supervisorPid() !== before);
  await driver.observe();
}

test('a process that wears the name of a replica is taken for it where owners are not compared', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t, FORMER);
  await host.driver();
  const impostor = await anImpostor(t, host, 'instance-1/1/0');
  const { opened } = await watchEnvironment(t, impostor.pid ?? 0);
  await anotherSupervisor(host);
  await until('it was ended as what a replica left', () => impostor.signalCode === 'SIGKILL');
  assert.ok(opened(), 'its environment was read');
});

test('a process of another user is neither read nor ended nor adopted, whatever it wears', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP, { user: 64_998 });
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  const gone = await anImpostor(t, host, 'instance-9/1/0');
  const present = await anImpostor(t, host, `${rollout.instance}/1/0`);
  const watched = await watchEnvironment(t, gone.pid ?? 0);
  await anotherSupervisor(host);
  assert.equal((await driver.observe())[0]?.pid, replica?.pid);
  await driver.retire(rollout.instance, 1, 0, 1_000);
  assert.deepEqual(
    [gone, present].map(({ signalCode, exitCode }) => [signalCode, exitCode]),
    [
      [null, null],
      [null, null],
    ],
  );
  assert.ok(!watched.opened());
});

test('without cgroups, too, only processes of the own user are read', async (t) => {
  if (!mayAttack(t)) return;
  const host = aHost(t, [], ['--proc', '/nonexistent']);
  const driver = await host.driver();
  const rollout = host.rollout(SLEEP, { user: 64_998 });
  await driver.ensure(rollout, 1, never());
  const [replica] = await driver.observe();
  const impostor = await anImpostor(t, host, `${rollout.instance}/1/0`);
  const { opened } = await watchEnvironment(t, impostor.pid ?? 0);
  await anotherSupervisor(host);
  assert.equal((await driver.observe())[0]?.pid, replica?.pid);
  await driver.retire(rollout.instance, 1, 0, 1_000);
  assert.deepEqual(await driver.observe(), []);
  assert.deepEqual([impostor.signalCode, impostor.exitCode], [null, null]);
  assert.ok(!opened());
});
