import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import type { Random } from '../crash/random.ts';
import { ENVIRONMENT } from '../e2e/deployer.ts';
import type { Answered, StubbornClient } from './stubborn-client.ts';

const JOB_MOST_MS = 5 * 60_000;

export interface Ground {
  readonly client: StubbornClient;
  readonly cas: string;
  /** Path of the component that all lanes deploy to. */
  readonly component: string;
  readonly artifacts: readonly [unknown, ...unknown[]];
  /** Another job may be asked for. */
  readonly mayGoOn: () => boolean;
  /** Every job that a client was told of, with what became of it. */
  readonly jobs: Map<string, string>;
}

interface Own {
  readonly path: string;
  version: string;
  replicas: number;
  isStopped: boolean;
}

/** One client that changes an instance of its own again and again, each time until it is answered, and knows what must come of it. */
export class Lane {
  readonly #ground: Ground;
  readonly #number: number;
  readonly #random: Random;
  /** What it may ask for at most; 0: records alone. */
  readonly #mostReplicas: number;
  #instance: Own | undefined;
  #made = 0;

  constructor(ground: Ground, number: number, random: Random, mostReplicas: number) {
    this.#ground = ground;
    this.#number = number;
    this.#random = random;
    this.#mostReplicas = mostReplicas;
  }

  async run(): Promise<void> {
    while (this.#ground.mayGoOn()) await (this.#instance ? this.#change(this.#instance) : this.#create());
  }

  /** What the API must show in the end: the path, the version and how many replicas run. */
  get expected(): { readonly path: string; readonly version: string; readonly running: number } | undefined {
    if (!this.#instance) return undefined;
    const { path, version, replicas, isStopped } = this.#instance;
    return { path, version, running: isStopped ? 0 : replicas };
  }

  /** No request of any lane repeats another's, so that each accepted one is told apart. */
  #nextVersion(): string {
    this.#made += 1;
    return `${this.#number}.${this.#made}`;
  }

  async #create(): Promise<void> {
    const { client, component } = this.#ground;
    const version = this.#nextVersion();
    const replicas = Math.min(1, this.#mostReplicas);
    const answer = await client.ask('POST', `${component}/instances`, {
      name: `lane-${version.replace('.', '-')}`,
      environment_id: ENVIRONMENT,
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: replicas,
      version,
      artifacts: this.#random.pick(this.#ground.artifacts),
      refer_resources: [],
    });
    await this.#accepted(answer);
    const path = `${component}/instances/${textOf(answer.body, 'instance_id')}`;
    this.#instance = { path, version, replicas, isStopped: false };
  }

  async #change(own: Own): Promise<void> {
    const { client, artifacts } = this.#ground;
    const act = async (action: string, parameters?: unknown) =>
      this.#accepted(await client.ask('POST', `${own.path}/action`, { action, parameters }));
    const dice = this.#random.below(20);
    if (dice === 0) {
      await this.#accepted(await client.ask('DELETE', own.path));
      const { status } = await client.ask('GET', own.path);
      assert.equal(status, 404, `${own.path} was deleted`);
      this.#instance = undefined;
    } else if (dice < 4 && !own.isStopped) {
      const replicas = this.#random.below(this.#mostReplicas + 1);
      await act('scale', { replica: replicas });
      own.replicas = replicas;
    } else if (dice < 7 && !(own.isStopped && own.replicas === 0)) {
      await act(own.isStopped ? 'start' : 'stop');
      own.isStopped = !own.isStopped;
    } else {
      const version = this.#nextVersion();
      const body = { version, artifacts: this.#random.pick(artifacts) };
      await this.#accepted(await client.ask('PUT', own.path, body));
      own.version = version;
    }
  }

  /** Every request of a lane is one that must be accepted: an objection shows that an earlier try was done after all. */
  async #accepted({ status, body, refusals }: Answered): Promise<void> {
    assert.equal(status, 200, `after ${refusals} refusals: ${JSON.stringify(body)}`);
    const job = textOf(body, 'job_id');
    assert.ok(!this.#ground.jobs.has(job), `job ${job} was given to two requests`);
    this.#ground.jobs.set(job, 'open');
    this.#ground.jobs.set(job, await this.#ended(job));
  }

  async #ended(job: string): Promise<string> {
    const { client, cas } = this.#ground;
    for (const end = performance.now() + JOB_MOST_MS; ; await pause(50)) {
      const { status, body } = await client.ask('GET', `${cas}/jobs/${job}`);
      assert.equal(status, 200, `job ${job} was accepted and is lost: ${JSON.stringify(body)}`);
      const word = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
      if (word === 'FAILED') assert.fail(`job ${job} failed: ${JSON.stringify(body)}`);
      if (word !== 'RUNNING') return word;
      assert.ok(performance.now() < end, `job ${job} is stuck: ${JSON.stringify(body)}`);
    }
  }
}
