import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { memberOf } from '../../src/cli/running-platform.ts';

const ANSWER_MOST_MS = 60_000;
const ASK_MOST_MS = 5 * 60_000;
const AGAIN_MS = 100;

export interface Answered {
  readonly status: number;
  readonly body: unknown;
  /** How often it was asked in vain before. */
  readonly refusals: number;
  /** A refusal said that nobody knows whether it was done. */
  readonly isUncertain: boolean;
}

/** Asks until it is answered, and holds every refusal on the way to what is promised: 503, a code, and when to come again. */
export class StubbornClient {
  readonly #base: string;
  readonly #token: string;
  /** Refusals so far, of all requests. */
  refusals = 0;
  uncertain = 0;
  /** Monotonic; of the last answer that was no refusal to a request that changes something. */
  lastChangeAt = 0;

  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  async ask(method: string, path: string, body?: unknown): Promise<Answered> {
    let refusals = 0;
    let isUncertain = false;
    for (const end = performance.now() + ASK_MOST_MS; ; await pause(AGAIN_MS)) {
      const answer = await this.once(method, path, body);
      if (answer.status !== 503) {
        if (method !== 'GET') this.lastChangeAt = performance.now();
        return { ...answer, refusals, isUncertain };
      }
      refusals += 1;
      this.refusals += 1;
      if (/not known/.test(String(memberOf(answer.body, 'error_msg')))) {
        isUncertain = true;
        this.uncertain += 1;
      }
      assert.ok(
        performance.now() < end,
        `${method} ${path} is refused for ever: ${JSON.stringify(answer.body)}`,
      );
    }
  }

  /** A lost connection is a failure of the test: the platform lives all the time. */
  async once(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: { 'X-Auth-Token': this.#token, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MOST_MS),
    }).catch((error: unknown) => {
      throw new Error(`${method} ${path} was not answered at all`, { cause: error });
    });
    const text = await response.text();
    const said: unknown = text === '' ? undefined : JSON.parse(text);
    const whole = `${method} ${path}: ${response.status} ${text}`;
    assert.ok(response.status < 500 || response.status === 503, whole);
    assert.notEqual(response.status, 401, whole);
    if (response.status === 503) {
      assert.match(response.headers.get('Retry-After') ?? '', /^\d+$/, whole);
      assert.equal(memberOf(said, 'error_code'), 'SVCSTG.00100503', whole);
    }
    return { status: response.status, body: said };
  }
}
