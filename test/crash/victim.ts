import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { findPlatform, Client, type RunningPlatform } from '../../src/cli/running-platform.ts';

/** A copy of the project, and the Node that runs it. */
interface Checkout {
  readonly root: string;
  readonly node: string;
  /** What starts it, before the Node, such as `prlimit --nofile=64`. */
  readonly through?: readonly string[];
}

/** A platform that is killed and started again on one data directory; its clients ask until they are answered. */
export class Victim {
  readonly dataDir: string;
  readonly #checkout: Checkout;
  readonly #databaseUrl: string | undefined;
  #child: ChildProcess | undefined;
  #platform: RunningPlatform | undefined;
  #client: Client | undefined;

  /** Without an address: on SQLite in the data directory. */
  constructor(
    dataDir: string,
    databaseUrl: string | undefined,
    checkout: Checkout = { root: '.', node: process.execPath },
  ) {
    this.dataDir = dataDir;
    this.#databaseUrl = databaseUrl;
    this.#checkout = checkout;
  }

  get platform(): RunningPlatform {
    if (!this.#platform) throw new Error('The platform was not started yet.');
    return this.#platform;
  }

  /** Ports are taken once and kept, so that clients find it again. */
  async start(
    before: RunningPlatform | undefined = this.#platform,
    more: readonly string[] = [],
  ): Promise<void> {
    const [http = '', https = '', ingress = ''] = before
      ? [portOf(before.httpUrl), portOf(`https://${before.httpsHost}`), portOf(before.ingressUrl)]
      : await threePorts();
    const ports = ['--http-port', http, '--https-port', https, '--ingress-port', ingress];
    const { root, node, through = [] } = this.#checkout;
    const [program = node, ...words] = [
      ...through,
      node,
      ...['bin/openstage.mjs', 'serve', '--data-dir', this.dataDir, ...ports, ...more],
    ];
    const child = spawn(program, words, {
      cwd: root,
      env: {
        ...process.env,
        ...(this.#databaseUrl !== undefined && { OPENSTAGE_DATABASE_URL: this.#databaseUrl }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('is ready')) break;
    child.stdout.resume();
    if (child.exitCode !== null)
      throw new Error(`The platform did not start: it exited with ${child.exitCode}.`);
    this.#platform = findPlatform(this.dataDir);
    this.#client ??= await Client.signIn(this.#platform);
  }

  /** Answers its exit code, where it had one. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  }

  /** Again and again while nobody answers, as any careful client does. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const client = this.#client;
    if (!client) throw new Error('The platform was not started yet.');
    const until = Date.now() + 120_000;
    for (;;) {
      try {
        const answer = await client.request(method, path.replace('{project}', client.project), body);
        if (answer.status !== 503) return answer;
      } catch (error) {
        if (Date.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get project(): string {
    return this.#client?.project ?? '';
  }

  get token(): string {
    return this.#client?.token ?? '';
  }
}

const portOf = (url: string) => new URL(url).port;

/** Free ones that the kernel gives to nobody who asks for any port, so that they are free again after a kill. */
async function threePorts(): Promise<readonly string[]> {
  const found = new Set<string>();
  while (found.size < 3) {
    const port = LOW + Math.floor(Math.random() * (HIGH - LOW));
    if (await isFree(port)) found.add(String(port));
  }
  return [...found];
}
const LOW = 10_000;
const HIGH = 20_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
