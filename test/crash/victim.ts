import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { findPlatform, Client, type RunningPlatform } from '../../src/cli/running-platform.ts';

/** A platform that is killed and started again on one data directory; its clients ask until they are answered. */
export class Victim {
  readonly dataDir: string;
  readonly #args: string[];
  #child: ChildProcess | undefined;
  #platform: RunningPlatform | undefined;
  #client: Client | undefined;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
    this.#args = ['bin/openstage.mjs', 'serve', '--data-dir', dataDir];
  }

  get platform(): RunningPlatform {
    if (!this.#platform) throw new Error('The platform was not started yet.');
    return this.#platform;
  }

  /** Ports are taken once and kept, so that clients find it again. */
  async start(): Promise<void> {
    const ports = this.#platform
      ? [
          '--http-port',
          portOf(this.#platform.httpUrl),
          '--https-port',
          portOf(`https://${this.#platform.httpsHost}`),
          '--ingress-port',
          portOf(this.#platform.ingressUrl),
        ]
      : ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'];
    const child = spawn(process.execPath, [...this.#args, ...ports], {
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

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
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
