import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { formatKey, seal } from '../../../src/domain/envelope.ts';
import type { Key } from '../../../src/domain/envelope.ts';
import { buildKey, hostId, instanceId } from '../../../src/domain/ids.ts';
import type { Launch } from '../../../src/domain/launch.ts';
import type { Observed, Rollout } from '../../../src/domain/rollout.ts';
import { openProcessDriver } from '../../../src/drivers/process/driver.ts';
import type { ProcessDriver, ProcessDriverOptions } from '../../../src/drivers/process/driver.ts';
import { removeData } from '../../../src/cli/tour/remove-data.ts';
import { environmentOf, seeProcesses } from '../../../src/drivers/process/supervisor/identity.ts';

export const HOST = hostId('this-host');
export const quiet = { info: () => {}, warn: () => {} };

/** Shared by the tests of one file: compiling takes longer than most of them. */
const CACHE_DIR = join(tmpdir(), `openstage-test-cache-${process.pid}`);
process.on('exit', () => rmSync(CACHE_DIR, { recursive: true, force: true }));

/** Listens on PORT and tells what it is asked: /env, /pid, /exit, /leak. */
export const WEB = `
const http = require('node:http');
http.createServer((request, response) => {
  if (request.url === '/env') response.end(JSON.stringify(process.env));
  else if (request.url === '/exit') { response.end('bye'); process.exit(3); }
  else if (request.url === '/whoami') response.end(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), cwd: process.cwd() }));
  else response.end('pid ' + process.pid);
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening on ' + process.env.PORT));
`;

/** Sleeps without an end, as cheaply as a process can. */
export const SLEEP = ['/bin/sleep', '100000'];

/** A data directory with everything of its own; ended and removed after the test, which fails if anything is left. */
export class TestHost {
  readonly dir: string;
  readonly dataDir: string;
  readonly key: Key = { id: 'test', bytes: randomBytes(32) };
  readonly #options: Partial<ProcessDriverOptions>;
  #driver: ProcessDriver | undefined;
  #instances = 0;

  constructor(test: TestContext, options: Partial<ProcessDriverOptions> = {}, name = 'data') {
    this.dir = realpathSync(mkdtempSync(join(tmpdir(), 'openstage-driver-')));
    this.dataDir = join(this.dir, name);
    mkdirSync(this.dataDir);
    for (const dir of [this.dir, this.dataDir]) chmodSync(dir, 0o711);
    writeFileSync(join(this.dir, 'key'), formatKey(this.key), { mode: 0o600 });
    this.#options = options;
    test.after(() => this.#end());
  }

  async driver(): Promise<ProcessDriver> {
    return (this.#driver ??= await this.open());
  }

  /** Another platform on the same data directory, one after the other. */
  async open(options: Partial<ProcessDriverOptions> = {}): Promise<ProcessDriver> {
    this.#driver?.close();
    this.#driver = await openProcessDriver({
      dataDir: this.dataDir,
      keyFile: join(this.dir, 'key'),
      ports: portRange(),
      host: HOST,
      node: process.execPath,
      cacheDir: CACHE_DIR,
      log: quiet,
      ...this.#options,
      ...options,
      supervisorArgs: [
        '--crash-file',
        this.crashFile,
        ...(options.supervisorArgs ?? this.#options.supervisorArgs ?? []),
      ],
    });
    return this.#driver;
  }

  get crashFile(): string {
    return join(this.dir, 'crash');
  }

  /** The supervisor kills itself when it comes there, once. */
  crashAt(point: string): void {
    writeFileSync(this.crashFile, point);
  }

  /** A release directory with one program in it, run by this Node. */
  rollout(
    program: string | readonly string[],
    more: Partial<Rollout> & {
      readonly variables?: Record<string, string>;
      readonly user?: number;
    } = {},
  ): Rollout {
    const { variables = {}, user, ...rest } = more;
    this.#instances += 1;
    const releaseDir = join(this.dir, `release-${this.#instances}`);
    mkdirSync(join(releaseDir, 'package'), { recursive: true });
    if (typeof program === 'string') writeFileSync(join(releaseDir, 'package', 'app.cjs'), program);
    return {
      instance: instanceId(`instance-${this.#instances}`),
      number: 1,
      placement: { on: 'hosts', hosts: [HOST], ...(user !== undefined && { user }) },
      workload: {
        form: 'directory',
        build: buildKey('build'),
        launch: {
          argv: typeof program === 'string' ? [process.execPath, '{{releaseDir}}/package/app.cjs'] : program,
          cwd: '{{releaseDir}}/package',
          env: {},
          portVariables: ['SERVER_PORT'],
          files: [],
          runtimeVersion: `Node.js ${process.versions.node}`,
        },
      },
      releaseDir,
      env: Object.entries(variables).map(([name, value]) => ({
        name,
        value: seal(this.key, value, randomBytes(12)),
      })),
      limits: { cpuMillis: 2000, memoryBytes: 512 * 1024 * 1024 },
      graceMs: 5000,
      ...rest,
    };
  }

  /** The supervisor's pid, as it wrote it into its log last. */
  supervisorPid(): number {
    const started = readFileSync(join(this.dataDir, 'logs', 'supervisor.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"event":"started"'))
      .at(-1);
    return Number(/"pid":(\d+)/.exec(started ?? '')?.[1]);
  }

  killSupervisor(): void {
    process.kill(this.supervisorPid(), 'SIGKILL');
  }

  /** Every process of this data directory, or of one instance, whoever its parent is. */
  marked(instance = ''): number[] {
    const home = `HOME=${join(this.dataDir, 'replicas', instance)}/`;
    return seeProcesses()
      .filter(({ pid }) => environmentOf(pid).some((variable) => variable.startsWith(home)))
      .map(({ pid }) => pid);
  }

  replicaDirs(): string[] {
    const root = join(this.dataDir, 'replicas');
    return readdirSync(root)
      .filter((name) => !name.startsWith('.') && statSync(join(root, name)).isDirectory())
      .flatMap((instance) => readdirSync(join(root, instance)).map((name) => `${instance}/${name}`));
  }

  async #end(): Promise<void> {
    const driver = await this.open();
    await driver.shutdown({ applications: 'stop' });
    await until('no process is left', () => this.marked().length === 0);
    // A supervisor that was killed leaves the programs that remove for it.
    const trash = join(this.dataDir, 'replicas', '.trash');
    await until('nobody removes any more', () => {
      try {
        removeData(this.dir);
        return true;
      } catch (error) {
        if (existsSync(trash)) return false;
        throw error;
      }
    });
  }
}

export const launched = (rollout: Rollout, change: Partial<Launch>): Rollout => ({
  ...rollout,
  workload: { ...rollout.workload, launch: { ...rollout.workload.launch, ...change } },
});

/** Test files run side by side: each takes a range of its own. */
export function portRange(): { low: number; high: number } {
  const low = 20_000 + (process.pid % 90) * 100;
  return { low, high: low + 99 };
}

const LIMIT_MS = 120_000;

/** Waits for a condition; the bound is generous, it only ends a test that would hang. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T> | T> {
  const deadline = performance.now() + LIMIT_MS;
  let last: T;
  do {
    last = await look();
    if (last) return last;
    await wait(10);
  } while (performance.now() < deadline);
  throw new Error(`It did not come about that ${what}.`);
}

export async function untilReady(
  driver: ProcessDriver,
  rollout: Rollout,
  count = 1,
): Promise<readonly Observed[]> {
  let seen: readonly Observed[] = [];
  await until(`${count} replicas of ${rollout.instance} are ready`, async () => {
    seen = (await driver.observe(rollout.instance)).filter((each) => each.rollout === rollout.number);
    return seen.filter((each) => each.readiness.ready).length === count;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)} Seen: ${JSON.stringify(seen)}`);
  });
  return seen;
}

export const never = (): AbortSignal => new AbortController().signal;

export async function logOf(driver: ProcessDriver, replica: Observed, tail = 100): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text } of driver.logs(replica, tail)) lines.push(text);
  return lines;
}

export async function ask(replica: Observed, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${replica.address?.port}${path}`);
  return response.text();
}
