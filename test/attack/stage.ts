import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import type { Fence, Guard } from '../../src/domain/fences.ts';
import { startPlatform, stopLeftRunning, type Platform } from '../../src/main.ts';
import { readSettings, type Name } from '../../src/settings.ts';
import { has, isRoot } from '../drivers/process/machine.ts';
import { portRange, TestHost } from '../drivers/process/test-host.ts';
import { Deployer } from '../e2e/deployer.ts';

type Unfenced = readonly (Fence | Guard)[];

/** Attacks are those of a host where all fences can be; elsewhere the reason is printed. */
export function mayAttack(t: TestContext): boolean {
  const isThere = process.platform === 'linux' && isRoot();
  if (!has(t, isThere, 'attacks need root on Linux')) return false;
  enterCage();
  return true;
}

/** What an attack may take of this machine at the most, with all that it leaves behind. */
const CAGE = { memoryBytes: 6 * 1024 ** 3, pids: 4000 };
const V1 = '/sys/fs/cgroup';

let cage: readonly { readonly dir: string; readonly origin: string }[] | undefined;

/**
 * This test file with all that it starts, in cgroups that are ended with it. Replicas lie below the cgroup of their
 * supervisor, so what an attack forks cannot get out.
 */
function enterCage(): void {
  if (cage !== undefined) return;
  const name = `openstage-attack-${process.pid}`;
  const own = new Map(
    readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([, controller = '', path = '/']) => [controller, path] as const),
  );
  cage = ['memory', 'pids'].flatMap((controller) => {
    const origin = join(V1, controller, own.get(controller) ?? '');
    if (!existsSync(join(origin, 'tasks'))) return [];
    removeDeadCages(origin);
    const dir = join(origin, name);
    mkdirSync(dir);
    if (controller === 'memory') writeFileSync(join(dir, 'memory.limit_in_bytes'), String(CAGE.memoryBytes));
    else writeFileSync(join(dir, 'pids.max'), String(CAGE.pids));
    writeFileSync(join(dir, 'cgroup.procs'), String(process.pid));
    return [{ dir, origin }];
  });
  process.on('exit', leaveCage);
}

/** Of test files that were killed: nobody else removes them. One in which something still lives stays. */
export function removeDeadCages(origin: string): void {
  for (const entry of readdirSync(origin, { withFileTypes: true })) {
    const pid = Number(/^openstage-attack-(\d+)$/.exec(entry.name)?.[1]);
    if (entry.isDirectory() && pid > 0 && pid !== process.pid && !existsSync(`/proc/${pid}`))
      removeEmpty(join(origin, entry.name));
  }
}

function removeEmpty(dir: string): void {
  try {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(dir, entry.name));
    rmdirSync(dir);
  } catch {
    // Another file removed it meanwhile, or it is in use.
  }
}

function leaveCage(): void {
  for (const { dir, origin } of cage ?? []) {
    writeFileSync(join(origin, 'cgroup.procs'), String(process.pid));
    endBelow(dir);
  }
}

function endBelow(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) endBelow(join(dir, entry.name));
  // It ends when nobody is left; a process that is being ended is counted for a moment.
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    for (const pid of membersOf(dir)) kill(pid);
    try {
      return rmdirSync(dir);
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

const membersOf = (dir: string): number[] =>
  readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** A supervisor of its own with a data directory; `unfenced` names what is left out, so that the attack can be seen to succeed. */
export const aHost = (
  t: TestContext,
  unfenced: Unfenced = [],
  supervisorArgs: readonly string[] = [],
): TestHost => new TestHost(t, { unfenced: new Set(unfenced), supervisorArgs });

/** Every cgroup of a data directory, in every hierarchy. */
export function cgroupsOf(dataDir: string): string[] {
  const family = `openstage-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
  return spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*${family}*`], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean);
}

export interface Staged {
  readonly platform: Platform;
  readonly dataDir: string;
  readonly deployer: Deployer;
}

/** A whole platform in this process, with supervisor and proxy of its own; all of it ends with the test. */
export async function aPlatform(
  t: TestContext,
  unfenced: Unfenced = [],
  more: ReadonlyMap<Name, string> = new Map(),
): Promise<Staged> {
  const { dir, start } = aPlace(unfenced, more);
  const staged = await start();
  t.after(async () => {
    await staged.platform.stop();
    removeData(dir);
  });
  return staged;
}

export interface Lasting extends Staged {
  /** Supervisor, applications and proxy go on alone until the platform is back. */
  readonly without: (work: () => Promise<void>) => Promise<void>;
}

/** A platform that can be away for a time; all of it ends with the test. */
export async function aLastingPlatform(
  t: TestContext,
  unfenced: Unfenced = [],
  more: ReadonlyMap<Name, string> = new Map(),
): Promise<Lasting> {
  const { dir, settings, start } = aPlace(unfenced, new Map<Name, string>([...more, ['ephemeral', 'false']]));
  const staged = await start();
  let platform: Platform | undefined = staged.platform;
  t.after(async () => {
    await platform?.stop();
    await stopLeftRunning(settings, pino({ level: 'silent' }));
    removeData(dir);
  });
  return {
    ...staged,
    without: async (work) => {
      await platform?.stop();
      platform = undefined;
      await work();
      ({ platform } = await start());
    },
  };
}

function aPlace(unfenced: Unfenced, more: ReadonlyMap<Name, string>) {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'openstage-attack-')));
  chmodSync(dir, 0o711);
  const dataDir = join(dir, 'data');
  const ports = portRange();
  const given = new Map<Name, string>([
    ['dataDir', dataDir],
    ['httpPort', '0'],
    ['httpsPort', '0'],
    ['ingressPort', '0'],
    ['appPorts', `${ports.low}-${ports.high}`],
    ['ephemeral', 'true'],
    ...more,
  ]);
  const settings = readSettings(given, { PATH: process.env['PATH'] });
  const start = async (): Promise<Staged> => {
    const platform = await startPlatform(settings, pino({ level: 'silent' }), {
      unfenced: new Set(unfenced),
    });
    return { platform, dataDir, deployer: await Deployer.open(dataDir) };
  };
  return { dir, settings, start };
}
