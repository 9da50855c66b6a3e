import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Operation } from './operations.ts';

/** How a client is told where the platform is and who calls; `environment`: by its own variables alone. */
export interface Place {
  readonly mode: 'keys' | 'region' | 'environment';
  readonly endpoint: string;
  readonly region: string;
  readonly ak: string;
  readonly sk: string;
  readonly projectId: string;
  /** Of a temporary key. */
  readonly securityToken?: string;
}

export interface Result {
  readonly operation: Operation;
  readonly ok: boolean;
  /** 0 when the client itself failed. */
  readonly status: number;
  /** What the client understood of the answer; of a refusal `error_code`, `error_msg` and `request_id`. */
  readonly detail: unknown;
}

/** A program with an official client in it: a line of JSON with a call goes in, a line with what it understood comes out. */
export class Driver {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  constructor(argv: readonly string[], place: Place, variables: Readonly<Record<string, string>>) {
    const [command = '', ...args] = argv;
    this.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...variables, DRIVER: JSON.stringify(place) },
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async call(
    operation: Operation,
    parameters: Readonly<Record<string, string | number | boolean>> = {},
    body?: object,
  ): Promise<Result> {
    this.#child.stdin.write(`${JSON.stringify({ operation, parameters, ...(body && { body }) })}\n`);
    for (;;) {
      const { value: line, done } = await this.#lines.next();
      if (done) throw new Error(`The client ended before it answered ${operation}: ${this.#complaints}`);
      // A client may write a log of its own to standard output.
      if (!line.startsWith('{"operation"')) continue;
      const result: unknown = JSON.parse(line);
      if (isResult(result, operation)) return result;
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await ended;
  }
}

function isResult(value: unknown, operation: Operation): value is Result {
  return (
    typeof value === 'object' &&
    value !== null &&
    'detail' in value &&
    Reflect.get(value, 'operation') === operation
  );
}
