import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { handOver, makeScratch, removeDir } from './build-dir.ts';
import { masker, type PassedOn } from './passed-on.ts';
import { groupUse, killGroup, killMarked, MARK } from './process-group.ts';
import { Tail } from './tail.ts';

export interface StepLimits {
  readonly timeMs: number;
  /** Of output kept; the end of a longer one. */
  readonly outputBytes: number;
  /** Resident, of all its processes together; looked at a few times a second. */
  readonly memoryBytes: number;
  readonly processes: number;
}

export const stepLimits: StepLimits = {
  timeMs: 5 * 60_000,
  outputBytes: 1024 ** 2,
  memoryBytes: 2 * 1024 ** 3,
  processes: 512,
};

export interface StepRequest {
  /** No shell takes part; the first word is looked for on PATH unless it is a path. */
  readonly argv: readonly string[];
  /** What the step may write to, and where its HOME is; not where the build's marker will lie. */
  readonly dir: string;
  /** Where it runs; `dir` by default. */
  readonly cwd?: string;
  /** Numeric user, where the platform may choose one; `dir` is handed over to it. */
  readonly user?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What the step sees of the platform's environment; secrets in it are kept out of the evidence of a failure. */
  readonly passedOn?: PassedOn;
  readonly limits?: Partial<StepLimits>;
  readonly signal: AbortSignal;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const LOOK_EVERY_MS = 250;
const EVIDENCE_LINES = 50;
/** For what left the group and holds the pipes still open. */
const CLOSE_WITHIN_MS = 1000;

/** Runs one step of a build and answers with what it printed; nothing that it started outlives it. */
export async function runStep(request: StepRequest): Promise<string> {
  const { dir, user, signal } = request;
  signal.throwIfAborted();
  const scratch = await makeScratch(dir);
  try {
    if (user !== undefined) await handOver(dir, user);
    return await run(request, scratch.env);
  } finally {
    await removeDir(scratch.path);
  }
}

function run(request: StepRequest, places: Readonly<Record<string, string>>): Promise<string> {
  const { argv, dir, cwd = dir, user, env = {}, passedOn = {}, signal } = request;
  const [command = '', ...words] = argv;
  // Begins with the place, so that the next run of the platform finds what a killed one left behind.
  const mark = `${resolve(dir)}#${randomUUID()}`;
  const child = spawn(command, words, {
    cwd,
    // A step sees no other variable of the platform, which may hold secrets.
    env: { ...passedOn, PATH, LANG: 'C.UTF-8', ...places, ...env, [MARK]: mark },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  const limits = { ...stepLimits, ...request.limits };
  return new Step(child, command, limits, mark, masker(passedOn), signal).outcome();
}

class Step {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #limits: StepLimits;
  readonly #mark: string;
  readonly #masked: (line: string) => string;
  readonly #signal: AbortSignal;
  readonly #output: Tail;
  readonly #log: Tail;
  /** Why it was ended before it ended by itself. */
  #stopped: string | undefined;

  constructor(
    child: ChildProcess,
    command: string,
    limits: StepLimits,
    mark: string,
    masked: (line: string) => string,
    signal: AbortSignal,
  ) {
    this.#child = child;
    this.#name = basename(command);
    this.#limits = limits;
    this.#mark = mark;
    this.#masked = masked;
    this.#signal = signal;
    this.#output = new Tail(limits.outputBytes);
    this.#log = new Tail(limits.outputBytes);
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output.add(chunk);
      this.#log.add(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => this.#log.add(chunk));
  }

  async outcome(): Promise<string> {
    const { pid } = this.#child;
    const ended = this.#ended();
    const closed = new Promise<void>((done) => this.#child.once('close', () => done()));
    const endGuard = pid === undefined ? () => undefined : this.#guard(pid);
    try {
      const exit = await ended;
      endGuard();
      if (pid !== undefined) await this.#sweep(pid);
      await within(CLOSE_WITHIN_MS, closed);
      this.#signal.throwIfAborted();
      if (this.#stopped !== undefined) throw this.#failure(this.#stopped, exit);
      if (exit !== 'code 0') throw this.#failure(`ended with ${exit}`, exit);
      return this.#output.text();
    } finally {
      endGuard();
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    }
  }

  #ended(): Promise<string> {
    return new Promise((ended, reject) => {
      this.#child.once('exit', (code, signal) =>
        ended(signal === null ? `code ${code}` : `signal ${signal}`),
      );
      this.#child.once('error', (error) => reject(this.#failure(`cannot be started (${error.message})`)));
    });
  }

  async #sweep(pid: number): Promise<void> {
    killGroup(pid);
    await killMarked((mark) => mark === this.#mark);
  }

  /** Time, memory and number of processes; answers with what ends the watch. */
  #guard(pid: number): () => void {
    const stop = (why: string) => {
      this.#stopped ??= why;
      killGroup(pid);
    };
    const abort = () => stop('was called off');
    // Where memory runs short, the build is to die before any application does.
    void writeFile(`/proc/${pid}/oom_score_adj`, '1000').catch(() => undefined);
    const { timeMs, memoryBytes, processes } = this.#limits;
    const timer = setTimeout(() => stop(`took longer than ${timeMs} ms and was ended`), timeMs);
    const look = async () => {
      const use = await groupUse(pid);
      if (use === undefined) return;
      if (use.bytes > memoryBytes) stop(`used more than ${memoryBytes} bytes of memory and was ended`);
      if (use.processes > processes) stop(`ran more than ${processes} processes and was ended`);
    };
    const looking = setInterval(() => void look(), LOOK_EVERY_MS);
    this.#signal.addEventListener('abort', abort, { once: true });
    if (this.#signal.aborted) abort();
    return () => {
      clearTimeout(timer);
      clearInterval(looking);
      this.#signal.removeEventListener('abort', abort);
    };
  }

  #failure(what: string, exit?: string): Problem {
    const log = this.#log.lines(EVIDENCE_LINES).map(this.#masked);
    const last = log.at(-1);
    return new Problem(
      'buildFailed',
      `The build step ${this.#name} ${what}${last === undefined ? '' : `; its last line: ${last}`}. Correct the package, then deploy it again.`,
      { ...(exit === undefined ? {} : { exit }), log },
    );
  }
}

async function within(timeMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((passed) => {
    timer = setTimeout(passed, timeMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
