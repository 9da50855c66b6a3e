import assert from 'node:assert/strict';
import { Client, findPlatform, memberOf, type RunningPlatform } from '../../src/cli/running-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';

const JOB_MOST_MS = 4 * 60_000;
const LOOK_MS = 50;

export const ENVIRONMENT = '6e763000-9128-4a9d-adea-34c42cc5344d';

/** How a job ended. */
export interface Outcome {
  readonly status: string;
  readonly message: string;
  readonly log: readonly string[];
}

export interface Wished {
  readonly name: string;
  readonly runtime: string;
  readonly artifacts: unknown;
  readonly replica?: number;
  /** Laid over the request for the instance. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A client of one running platform that deploys to its first application and environment. */
export class Deployer {
  readonly platform: RunningPlatform;
  readonly client: Client;
  readonly cas: string;
  readonly #components: string;

  private constructor(platform: RunningPlatform, client: Client, application: string) {
    this.platform = platform;
    this.client = client;
    this.cas = `/v2/${client.project}/cas`;
    this.#components = `${this.cas}/applications/${application}/components`;
  }

  static async open(dataDir: string): Promise<Deployer> {
    const platform = findPlatform(dataDir);
    const client = await Client.signIn(platform);
    const { body } = await client.request('GET', `/v2/${client.project}/cas/applications`);
    const [application] = listOf(memberOf(body, 'applications'));
    return new Deployer(platform, client, textOf(application, 'id'));
  }

  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.client.request(method, path, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }

  /** As `artifacts` of an instance. */
  async upload(file: string, bytes: Buffer): Promise<unknown> {
    const url = `${this.platform.httpUrl}/v1/${this.client.project}/packages/${file}`;
    const put = await fetch(url, {
      method: 'PUT',
      headers: { 'X-Auth-Token': this.client.token, 'Content-Type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    });
    assert.equal(put.status, 200, await put.text());
    return { package: { storage: 'swr', type: 'package', url } };
  }

  /** A component with one instance; answers its path and how its job ended. */
  async deploy(wished: Wished): Promise<{ readonly path: string; readonly outcome: Outcome }> {
    const { name, runtime, artifacts, replica = 1, more } = wished;
    const component = await this.send('POST', this.#components, { name, runtime, category: 'Common' });
    const instances = `${this.#components}/${textOf(component, 'id')}/instances`;
    const created = await this.send('POST', instances, {
      name,
      environment_id: ENVIRONMENT,
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica,
      version: '1',
      artifacts,
      refer_resources: [],
      ...more,
    });
    return {
      path: `${instances}/${textOf(created, 'instance_id')}`,
      outcome: await this.ended(created),
    };
  }

  act(path: string, action: string, parameters?: unknown): Promise<Outcome> {
    return this.send('POST', `${path}/action`, {
      action,
      ...(parameters !== undefined && { parameters }),
    }).then((accepted) => this.ended(accepted));
  }

  async ended(accepted: unknown): Promise<Outcome> {
    const path = `${this.cas}/jobs/${textOf(accepted, 'job_id')}`;
    for (const until = Date.now() + JOB_MOST_MS; ;) {
      const body = await this.send('GET', path);
      const status = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
      if (status !== 'RUNNING') {
        const said: unknown = JSON.parse(textOf(listOf(memberOf(body, 'tasks')).at(-1), 'MESSAGES'));
        return {
          status,
          message: textOf(said, 'message'),
          log: listOf(memberOf(said, 'log')).map(String),
        };
      }
      assert.ok(Date.now() < until, `the job does not end: ${JSON.stringify(body)}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
