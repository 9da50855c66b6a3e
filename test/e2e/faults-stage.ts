import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { zip } from '../builders/zip.ts';
import { daemon, type Daemon } from '../crash/processes.ts';
import { Victim } from '../crash/victim.ts';
import { Deployer, type Outcome } from './deployer.ts';
import type { SmallDisk } from './small-disk.ts';

const MOST_MS = 120_000;
const ANSWER_MOST_MS = 60_000;

export interface FaultSettings {
  /** What starts the platform, such as `prlimit --nofile=64`. */
  readonly through?: readonly string[];
  /** More flags for it. */
  readonly more?: readonly string[];
  /** Of its database; absent: SQLite. */
  readonly url?: string;
  /** Called once nothing of the platform is left. */
  readonly drop?: () => Promise<void>;
  /** Where its data directory is; absent: on the machine's own. */
  readonly disk?: SmallDisk;
}

/** A platform of processes of its own, to which something happens while it deploys. */
export class FaultStage {
  victim: Victim;
  readonly #t: TestContext;
  readonly #databaseUrl: string | undefined;
  #deployer: Deployer | undefined;

  private constructor(t: TestContext, victim: Victim, databaseUrl: string | undefined) {
    this.#t = t;
    this.#databaseUrl = databaseUrl;
    this.victim = victim;
  }

  static async start(
    t: TestContext,
    { through = [], more = [], url, drop, disk }: FaultSettings = {},
  ): Promise<FaultStage> {
    const dataDir = disk?.dataDir ?? mkdtempSync(join(tmpdir(), 'openstage-faults-'));
    chmodSync(dataDir, 0o711);
    const victim = new Victim(dataDir, url, { root: '.', node: process.execPath, through });
    const stage = new FaultStage(t, victim, url);
    t.after(async () => {
      disk?.free();
      await stage.victim.kill('SIGTERM');
      const { dataDir } = stage.victim;
      const down = spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
      assert.equal(down.status, 0, down.stderr.toString());
      removeData(dataDir);
      await drop?.();
      disk?.release();
    });
    await victim.start(undefined, ['--app-users', usersOfItsOwn(), ...more]);
    await stage.signIn();
    return stage;
  }

  /** From now on on another data directory, where clients find it as before; for while it does not run. */
  async moveTo(dataDir: string): Promise<void> {
    const before = this.victim.platform;
    this.victim = new Victim(dataDir, this.#databaseUrl);
    await this.victim.start(before);
  }

  /** Again where the token of before is not good any more. */
  async signIn(): Promise<void> {
    this.#deployer = await Deployer.open(this.victim.dataDir);
  }

  get deployer(): Deployer {
    assert.ok(this.#deployer);
    return this.#deployer;
  }

  /** Node.js, answering its version once `slowMs` passed since its start. */
  async package(version: string, slowMs = 0): Promise<unknown> {
    const server = `require('http').createServer((_, answer) => answer.end('${version}'))`;
    const listen = `const server = ${server};\nsetTimeout(() => server.listen(process.env.PORT, '127.0.0.1'), ${slowMs});\n`;
    const files = { 'package.json': '{"name":"slow","version":"1.0.0"}', 'server.js': listen };
    const entries = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
    return this.deployer.upload(`slow/${version}/slow.zip`, zip(entries));
  }

  async deploy(name: string, artifacts: unknown): Promise<string> {
    const { path, outcome } = await this.deployer.deploy({ name, runtime: 'Nodejs8', artifacts });
    assert.equal(outcome.status, 'SUCCEEDED', JSON.stringify(outcome));
    return path;
  }

  async page(name: string): Promise<string> {
    const { status, text } = await askApp(this.victim.platform.ingressUrl, `${name}.default.localhost`);
    return status === 200 ? text : `HTTP ${status}`;
  }

  /** Resolves while the task of the job runs. */
  async reached(accepted: unknown, task: string): Promise<void> {
    await until(`the task ${task} runs`, async () => {
      const body = await this.deployer.send('GET', `${this.deployer.cas}/jobs/${textOf(accepted, 'job_id')}`);
      assert.equal(textOf(memberOf(body, 'job'), 'EXECUTION_STATUS'), 'RUNNING', JSON.stringify(body));
      return listOf(memberOf(body, 'tasks')).some(
        (each) => textOf(each, 'TASK_NAME') === task && textOf(each, 'TASK_STATUS') === 'RUNNING',
      );
    });
  }

  async succeeded(accepted: unknown): Promise<void> {
    const outcome: Outcome = await this.deployer.ended(accepted);
    assert.equal(outcome.status, 'SUCCEEDED', JSON.stringify(outcome));
  }

  /** Stops the process; it goes on at the call of what is returned, and at the test's end. */
  stop(kind: Daemon | 'platform'): () => void {
    const pid = kind === 'platform' ? this.victim.platform.pid : daemon(kind, this.victim.dataDir);
    assert.ok(pid !== undefined, `the ${kind} does not run`);
    let isStopped = true;
    const goOn = () => {
      if (isStopped) process.kill(pid, 'SIGCONT');
      isStopped = false;
    };
    process.kill(pid, 'SIGSTOP');
    this.#t.after(goOn);
    return goOn;
  }

  /** Any call; where the answer is "not now", it says when to come again. */
  async asked(path: string, init: { readonly method?: string; readonly body?: string } = {}): Promise<Said> {
    const { platform, client } = this.deployer;
    const answer = await fetch(`${platform.httpUrl}${path}`, {
      headers: { 'X-Auth-Token': client.token, 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_MOST_MS),
      ...init,
    });
    const text = await answer.text();
    if (answer.status === 503)
      assert.match(answer.headers.get('Retry-After') ?? '', /^\d+$/, `${path}: ${text}`);
    return { status: answer.status, text };
  }

  /** As a client that comes again for as long as it is told to. */
  async insisted(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
    let last: Said | undefined;
    await until(`${method} ${path} is accepted`, async () => {
      last = await this.asked(path, init);
      return last.status !== 503;
    });
    assert.equal(last?.status, 200, last?.text);
    return JSON.parse(last?.text ?? '');
  }

  /** Every kind of reading is answered: done, or not now and when to come again. */
  async answers(instance: string): Promise<readonly number[]> {
    const { cas } = this.deployer;
    const paths = [
      instance,
      `${instance}/snapshots`,
      instance.replace(/\/[^/]+$/, ''),
      `${cas}/environments`,
      `${cas}/applications`,
    ];
    return Promise.all(
      paths.map(async (path) => {
        const { status, text } = await this.asked(path);
        assert.ok(status === 200 || status === 503, `${path}: ${status} ${text}`);
        return status;
      }),
    );
  }
}

export interface Said {
  readonly status: number;
  readonly text: string;
}

/** Other platforms of this machine have applications too, whose sockets are not to be taken for these. */
export function usersOfItsOwn(): string {
  const low = 1_000_000 + Math.floor(Math.random() * 9_000) * 100_000;
  return `${low}-${low + 65_535}`;
}

export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  why: () => Promise<string> = async () => '',
): Promise<void> {
  for (const end = performance.now() + MOST_MS; !(await isSo()); await pause(50))
    if (performance.now() > end) assert.fail(`it never came to this: ${what} ${await why()}`);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
