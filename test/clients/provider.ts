import assert from 'node:assert/strict';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { sign } from '../api/sign.ts';
import { items } from './asking.ts';
import type { ClientGround } from './ground.ts';

/** Statuses that the provider's library takes for success, by method. */
const welcome: Readonly<Record<string, readonly number[]>> = {
  GET: [200],
  POST: [200, 201, 202],
  PUT: [200, 201, 202],
  PATCH: [200, 202, 204],
  DELETE: [200, 202, 204],
};
const JOB_MOST_MS = 4 * 60_000;
const PAGES_MOST = 50;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Sends what the Terraform provider and its Go library send, and takes of the answers what they take; no more is known of them here. */
export class Provider {
  readonly #ground: ClientGround;
  readonly cas: string;

  constructor(ground: ClientGround) {
    this.#ground = ground;
    this.cas = `/v2/${ground.variable('project_id')}/cas`;
  }

  /** A request signed as the library signs: `host` is not among the signed headers, and X-Project-Id goes unsigned. */
  send(method: string, url: string, body?: unknown): Promise<Answer> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = sign({
      access: this.#ground.variable('AK'),
      secret: this.#ground.variable('SK'),
      method,
      url,
      body: payload,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json;charset=utf8',
        'user-agent': 'terraform-provider-iac golangsdk/2.0.0',
        'x-language': 'en-us',
      },
      signed: ['accept', 'content-type', 'user-agent', 'x-language'],
    });
    return this.exchange(method, url, payload, {
      ...headers,
      'X-Project-Id': this.#ground.variable('project_id'),
    });
  }

  exchange(
    method: string,
    url: string,
    payload: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const [host = '', port] = this.#ground.variable('servicestage_endpoint').split(':');
    return new Promise((resolve, reject) => {
      const options = { host, port, method, path: url, headers, rejectUnauthorized: false, agent: false };
      const asked = request(options, (answer) => {
        text(answer).then(
          (got) =>
            resolve({
              status: answer.statusCode ?? 0,
              body: got === '' ? undefined : JSON.parse(got),
              headers: answer.headers,
            }),
          reject,
        );
      });
      asked.on('error', reject);
      asked.end(payload);
    });
  }

  async good(method: string, url: string, body?: unknown): Promise<unknown> {
    const answer = await this.send(method, url, body);
    const isWelcome = welcome[method]?.includes(answer.status) ?? false;
    assert.ok(isWelcome, `${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** All records of a list: asked again from behind the last one until a page is empty. */
  async all(path: string): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    for (let page = 0; page < PAGES_MOST; page += 1) {
      const glue = path.includes('?') ? '&' : '?';
      const body = await this.good('GET', page === 0 ? path : `${path}${glue}offset=${found.length}`);
      const lists = Object.values(Object(body)).filter((member) => Array.isArray(member));
      assert.equal(lists.length, 1, `${path} has not exactly one list: ${JSON.stringify(body)}`);
      const got: readonly unknown[] = lists[0] ?? [];
      if (got.length === 0) return found;
      found.push(...got);
    }
    throw new Error(`${path} never came to an empty page`);
  }

  /** Waits as the provider does: by the task that `task_count` points to; every word but RUNNING and SUCCEEDED is a failure. */
  async finished(accepted: unknown): Promise<void> {
    const path = `${this.cas}/jobs/${textOf(accepted, 'job_id')}?limit=50`;
    const until = Date.now() + JOB_MOST_MS;
    for (;;) {
      const tasks = await this.all(path);
      const body = await this.good('GET', path);
      const count = Number(memberOf(body, 'task_count'));
      assert.equal(count, tasks.length);
      const last = textOf(items(body, 'tasks')[count - 1], 'TASK_STATUS');
      if (last === 'SUCCEEDED') return;
      assert.equal(last, 'RUNNING', JSON.stringify(body));
      assert.ok(Date.now() < until, `the job does not end: ${JSON.stringify(body)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
