import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, findPlatform, memberOf } from '../src/cli/running-platform.ts';
import { Connection, requestBytes } from './http-load.ts';
import { sleep } from './machine.ts';

const command = fileURLToPath(new URL('../bin/openstage.mjs', import.meta.url));

const ENVIRONMENT = '6e763000-9128-4a9d-adea-34c42cc5344d';
/** No limit of its own slows an application: what it is compared with has none. */
const FLAVOR = 'LARGE-50G:4.0C:8G';
/** As the script "start" of package.json says. */
const NODE_FLAGS = ['--max-semi-space-size=4'];
/** Between two looks at the platform; each costs it about a millisecond of CPU. */
const LOOK_MS = 3;

/** A directory that applications can pass through, so that those with users of their own reach their files. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'openstage-bench-'));
  chmodSync(directory, 0o711);
  return directory;
}

/** A platform in a process of its own, as `npm start` runs it, that takes its applications along when it stops. */
export class BenchPlatform {
  readonly dataDir: string;
  readonly client: Client;
  readonly httpPort: number;
  readonly ingressPort: number;
  readonly #child: ChildProcess;

  private constructor(
    dataDir: string,
    child: ChildProcess,
    client: Client,
    ports: readonly [number, number],
  ) {
    this.dataDir = dataDir;
    this.#child = child;
    this.client = client;
    [this.httpPort, this.ingressPort] = ports;
  }

  static async start(dataDir = makeDirectory()): Promise<BenchPlatform> {
    const ports = ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'];
    const child = spawn(
      process.execPath,
      [...NODE_FLAGS, command, 'serve', '--ephemeral', '--data-dir', dataDir, ...ports],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
        // The same Node for applications as for what they are compared with.
        env: { ...process.env, OPENSTAGE_NODE: process.execPath },
      },
    );
    process.on('exit', () => child.kill('SIGTERM'));
    await ready(child);
    const found = findPlatform(dataDir);
    const portOf = (url: string) => Number(new URL(url).port);
    return new BenchPlatform(dataDir, child, await Client.signIn(found), [
      portOf(found.httpUrl),
      portOf(found.ingressUrl),
    ]);
  }

  /** Stops it and keeps its data. */
  async halt(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }

  async remove(): Promise<void> {
    await this.halt();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** The address of something below the project's v2 root. */
  at = (path: string): string => `/v2/${this.client.project}/cas${path}`;

  get headers(): Readonly<Record<string, string>> {
    return { 'X-Auth-Token': this.client.token, 'Content-Type': 'application/json' };
  }

  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.client.request(method, this.at(path), body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Puts a package into the repository and answers its address. */
  async upload(version: string, file: string, content: Uint8Array<ArrayBuffer>): Promise<string> {
    const url = `http://127.0.0.1:${this.httpPort}/v1/${this.client.project}/packages/bench/${version}/${file}`;
    const put = await fetch(url, { method: 'PUT', headers: this.headers, body: content });
    if (!put.ok) throw new Error(`The package was answered ${put.status}: ${await put.text()}`);
    return url;
  }

  /** The address of a new component, in the application that every platform has. */
  async addComponent(name: string, runtime: string): Promise<string> {
    const { applications } = shapeOf(await this.send('GET', '/applications'));
    const [application] = Array.isArray(applications) ? applications : [];
    const base = `/applications/${idOf(application)}/components`;
    return `${base}/${idOf(await this.send('POST', base, { name, runtime, category: 'Common' }))}`;
  }

  /** Accepted; the answer's instance and job. */
  async addInstance(component: string, name: string, wish: InstanceWish): Promise<Accepted> {
    const { version, url, ...rest } = wish;
    const body = {
      name,
      environment_id: ENVIRONMENT,
      flavor_id: FLAVOR,
      replica: 1,
      version,
      artifacts: artifactsOf(url),
      refer_resources: [],
      ...rest,
    };
    const answer = shapeOf(await this.send('POST', `${component}/instances`, body));
    return {
      instance: `${component}/instances/${String(answer['instance_id'])}`,
      job: String(answer['job_id']),
    };
  }

  async follow(job: string): Promise<void> {
    for (;;) {
      const { body } = await this.client.request('GET', this.at(`/jobs/${job}`));
      const status = memberOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
      if (status === 'SUCCEEDED') return;
      if (status !== 'RUNNING') throw new Error(`Job ${job} did not succeed: ${JSON.stringify(body)}`);
      await sleep(20);
    }
  }

  /** Looks at an instance every few milliseconds until it is RUNNING. */
  async running(instance: string): Promise<void> {
    const connection = await Connection.open(this.httpPort);
    const request = requestBytes('GET', this.at(instance), this.headers);
    for (;;) {
      const { body } = await connection.ask(request);
      const status = memberOf(memberOf(JSON.parse(body), 'status_detail'), 'status');
      if (status === 'RUNNING') break;
      if (status === 'FAILED') throw new Error(`The instance failed: ${body}`);
      await sleep(LOOK_MS);
    }
    connection.close();
  }

  /** Looks through the ingress every few milliseconds until that text is answered. */
  async answering(host: string, text: string): Promise<void> {
    const connection = await Connection.open(this.ingressPort);
    const request = requestBytes('GET', '/', { Host: host });
    while (!(await connection.ask(request)).body.includes(text)) await sleep(LOOK_MS);
    connection.close();
  }
}

export interface InstanceWish {
  readonly version: string;
  /** Of its package. */
  readonly url: string;
  readonly flavor_id?: string;
}

interface Accepted {
  /** Its address below the project's root. */
  readonly instance: string;
  readonly job: string;
}

export const artifactsOf = (url: string) => ({ package: { storage: 'swr', type: 'package', url } });

const shapeOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const idOf = (value: unknown): string => String(memberOf(value, 'id'));

async function ready(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('The platform was started without an output to read.');
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes('is ready')) return void child.stdout.resume();
  throw new Error('The platform did not start; its own message is above.');
}
