import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import type { Result } from './driver.ts';
import type { Operation } from './operations.ts';

const JOB_MOST_MS = 4 * 60_000;
const POLL_MS = 100;

export type Call = (
  operation: Operation,
  parameters?: Readonly<Record<string, string | number | boolean>>,
  body?: object,
) => Promise<Result>;

/** Calls through a client, each held to how it has to end. */
export class Asking {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async good(...args: Parameters<Call>): Promise<unknown> {
    const { ok, status, detail } = await this.#call(...args);
    assert.ok(ok, `${args[0]} ${JSON.stringify(args.slice(1))}: ${status} ${JSON.stringify(detail)}`);
    assert.equal(status, /^Delete(?!Instance)/.test(args[0]) ? 204 : 200, args[0]);
    return detail;
  }

  /** A refusal, as "404 SVCSTG.00100412"; the client understands its words and its request id. */
  async refused(problem: string, ...args: Parameters<Call>): Promise<void> {
    const { ok, status, detail } = await this.#call(...args);
    assert.equal(ok, false, `${args[0]} ${JSON.stringify(args.slice(1))} was not refused`);
    assert.equal(`${status} ${textOf(detail, 'error_code')}`, problem, JSON.stringify(detail));
    assert.match(textOf(detail, 'error_msg'), /\S/);
    assert.match(textOf(detail, 'request_id'), /^[0-9a-f]{32}$/);
  }

  /** Follows the job of an answer as clients do: by its last task. */
  async succeeded(accepted: unknown): Promise<void> {
    const job_id = textOf(accepted, 'job_id');
    const until = Date.now() + JOB_MOST_MS;
    for (;;) {
      const shown = await this.good('ShowJobDetail', { job_id });
      const tasks = items(shown, 'tasks');
      const status = textOf(memberOf(shown, 'job'), 'EXECUTION_STATUS');
      assert.equal(textOf(tasks.at(-1), 'TASK_STATUS'), status, 'the last task speaks for the job');
      assert.equal(memberOf(shown, 'task_count'), tasks.length);
      if (status === 'SUCCEEDED') return;
      assert.equal(status, 'RUNNING', JSON.stringify(shown));
      assert.ok(Date.now() < until, `the job does not end: ${JSON.stringify(shown)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

export function items(value: unknown, name: string): readonly unknown[] {
  const list = memberOf(value, name);
  assert.ok(Array.isArray(list), `${name} of ${JSON.stringify(value)} is no list`);
  return list;
}

export function has(value: unknown, members: Readonly<Record<string, unknown>>): void {
  for (const [name, expected] of Object.entries(members))
    assert.deepEqual(memberOf(value, name), expected, `${name} of ${JSON.stringify(value)}`);
}

export function isTime(value: unknown): void {
  assert.ok(Number.isSafeInteger(value) && Number(value) > 1_500_000_000_000, `${String(value)} is no time`);
}
