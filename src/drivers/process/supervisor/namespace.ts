import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Fence } from '../../../domain/fences.ts';
import type { HolderRecord, Kind } from './holder-record.ts';
import { seeProcess } from './identity.ts';
import type { MountPlan, Viewed } from './mounts.ts';
import { planMounts, tableOf, verifyMounts } from './mounts.ts';
import { processesOf } from './owned.ts';
import { reasonOf } from './reason.ts';
import { PLATFORM_ENV, tool } from './tools.ts';

const fenceOf: Readonly<Record<Kind, Fence>> = { mnt: 'mounts', pid: 'processes', ipc: 'ipc' };
const enterBy: Readonly<Record<Kind, string>> = { mnt: '--mount', pid: '--pid', ipc: '--ipc' };

const STEP_MOST_MS = 10_000;
/** In the replica's directory. */
const TABLE = 'mounts';
const run = promisify(execFile);

/** A sentence on why this host cannot mount, found by trying, in a namespace that ends with the trial. */
export async function whyNoMounts(dir: string, isInMemory: boolean): Promise<string | undefined> {
  try {
    for (const name of ['unshare', 'nsenter', 'setpriv', 'setsid', 'mount'] as const) tool(name);
    const what = isInMemory ? ['-t', 'tmpfs', 'tmpfs', dir] : ['-o', 'bind', dir, dir];
    const words = ['--mount', '--propagation', 'private', '--', tool('mount'), ...what];
    await run(tool('unshare'), words, { env: PLATFORM_ENV, timeout: STEP_MOST_MS });
    return undefined;
  } catch (error) {
    return reasonOf(error).trim().split('\n').at(-1);
  }
}

/**
 * Mounts, says so, and waits until it is written down: a supervisor that dies before leaves none. Then it idles as the
 * first process of its namespace, which ignores SIGCHLD so that the kernel reaps orphans.
 */
const HOLD = `
table=$1; shift
while [ $# -gt 0 ]; do eval "exec $1<\\"\\$2\\"" || exit; shift 2; done
mount -c -a -T "$table" || exit
echo ready
read -r go || exit
exec 0</dev/null 1>/dev/null 2>/dev/null 4<&- 5<&- 6<&-
trap '' CHLD
exec sleep infinity`;

/** The namespaces of one replica, which processes can be started in for as long as they are not closed. */
export class Namespace {
  readonly record: HolderRecord | undefined;
  readonly kinds: readonly Kind[];
  readonly #descriptors: ReadonlyMap<Kind, number>;
  readonly #holder: ChildProcess | undefined;
  #isClosed = false;

  private constructor(
    record: HolderRecord | undefined,
    descriptors: ReadonlyMap<Kind, number>,
    holder?: ChildProcess,
  ) {
    this.record = record;
    this.kinds = [...descriptors.keys()];
    this.#descriptors = descriptors;
    this.#holder = holder;
  }

  /** Not yet held for good: that is what `commit` is for. */
  static async open(viewed: Viewed, wanted: readonly Kind[], isHiding: boolean): Promise<Namespace> {
    const hasProcesses = wanted.includes('pid');
    const plan = await planMounts(viewed, { isHiding, hasProcesses });
    const table = join(viewed.files.dir, TABLE);
    writeFileSync(table, tableOf(plan), { mode: 0o600 });
    const holder = start(viewed, plan, table, wanted);
    try {
      await isReady(holder);
      const { pid = 0 } = holder;
      await verifyMounts(pid, plan);
      const record = { pid, start: seeProcess(pid)?.start ?? '', kinds: wanted };
      return new Namespace(record, descriptorsOf(pid, wanted, 'pid_for_children'), holder);
    } catch (error) {
      holder.kill('SIGKILL');
      throw error;
    }
  }

  /** Those that an earlier supervisor opened; absent: they are gone. */
  static of(record: HolderRecord): Namespace | undefined {
    if (seeProcess(record.pid)?.start !== record.start) return undefined;
    try {
      return new Namespace(record, descriptorsOf(record.pid, record.kinds, 'pid_for_children'));
    } catch {
      return undefined;
    }
  }

  /** The mounts of a process that was started without a holder, by a supervisor of the version before. */
  static beside(pid: number): Namespace {
    return new Namespace(undefined, descriptorsOf(pid, ['mnt'], 'pid'));
  }

  /**
   * Ends the holders of replicas of this directory that no record names: what their namespaces were for is gone. Those
   * that were started after this supervisor are its own.
   */
  static async endUnnamed(replicasDir: string, named: ReadonlySet<number>): Promise<readonly number[]> {
    const ended: number[] = [];
    const since = Number(seeProcess(process.pid)?.start);
    for (const { pid, start } of await processesOf(process.getuid?.() ?? 0)) {
      if (named.has(pid) || Number(start) >= since || !isHolderIn(pid, replicasDir)) continue;
      kill(pid);
      ended.push(pid);
    }
    return ended;
  }

  get fences(): readonly Fence[] {
    return this.kinds.map((kind) => fenceOf[kind]);
  }

  /** For nsenter. */
  get words(): readonly string[] {
    return [...this.#descriptors].map(([kind, file]) => `${enterBy[kind]}=/proc/${process.pid}/fd/${file}`);
  }

  /** It is written down: from now on it outlives this supervisor. */
  commit(): void {
    this.#holder?.stdin?.end('go\n');
    this.#holder?.stdout?.destroy();
    this.#holder?.stderr?.destroy();
    this.#holder?.unref();
  }

  /** Ends everything in it. */
  end(): void {
    this.#letGo();
    if (this.#holder) this.#holder.kill('SIGKILL');
    else if (this.record && seeProcess(this.record.pid)?.start === this.record.start) kill(this.record.pid);
  }

  #letGo(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const file of this.#descriptors.values()) closeSync(file);
  }
}

function start(
  { files }: Viewed,
  { covers }: MountPlan,
  table: string,
  wanted: readonly Kind[],
): ChildProcess {
  const flags = wanted.map((kind) => enterBy[kind]);
  const places = covers.flatMap(({ path, descriptor }) => [String(descriptor), path]);
  return spawn(
    tool('unshare'),
    [
      ...[...new Set(['--mount', ...flags])],
      ...['--fork', '--kill-child=KILL', '--propagation', 'slave', '--', '/bin/sh', '-c', HOLD],
      ...[`openstage-${files.name}`, table, ...places],
    ],
    { env: PLATFORM_ENV, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
  );
}

async function isReady(holder: ChildProcess): Promise<void> {
  let said = '';
  holder.stdin?.on('error', () => {});
  holder.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  holder.once('error', (error) => failed.reject(error));
  holder.once('close', (code, signal) => {
    const last = said.trim().split('\n').at(-1);
    failed.reject(new Error(last || `the holder of its namespaces ended with ${signal ?? `code ${code}`}`));
  });
  const timer = setTimeout(
    () => failed.reject(new Error(`its namespaces were not there within ${STEP_MOST_MS / 1000} s`)),
    STEP_MOST_MS,
  );
  try {
    await Promise.race([once(holder.stdout ?? holder, 'data'), failed.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Held open, they are these very namespaces whatever becomes of the number of the process. */
function descriptorsOf(
  pid: number,
  wanted: readonly Kind[],
  pidName: 'pid' | 'pid_for_children',
): ReadonlyMap<Kind, number> {
  const opened = new Map<Kind, number>();
  try {
    for (const kind of wanted)
      opened.set(kind, openSync(`/proc/${pid}/ns/${kind === 'pid' ? pidName : kind}`, 'r'));
    return opened;
  } catch (error) {
    for (const file of opened.values()) closeSync(file);
    throw error;
  }
}

/** Of its words, the table of mounts names the replica. Only our own processes are asked: nobody else's can hold us up. */
function isHolderIn(pid: number, replicasDir: string): boolean {
  try {
    const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return (
      basename(program) === 'unshare' &&
      words.some((word) => word.startsWith(`${replicasDir}/`) && basename(word) === TABLE)
    );
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
