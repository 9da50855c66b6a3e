import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { type Commands, handOver, makeScratch, removeDir, type Scratch } from './build-dir.ts';
import { confined, HAND_OVER, handOverScript, meansFor, OWN_ENVIRONMENT, PATH } from './confine.ts';
import { type DiskLimits, watchDisk } from './disk-watch.ts';
import { masker, type PassedOn } from './passed-on.ts';
import { groupUse, killFamily, killGroup, killMarked, MARK } from './process-group.ts';
import { makeStepCgroup, type StepCgroup } from './step-cgroup.ts';
import { Tail } from './tail.ts';

export interface StepLimits {
  readonly timeMs: number;
  /** Of output kept; the end of a longer one. */
  readonly outputBytes: number;
  /** Resident, of all its processes together; looked at a few times a second. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** Of `dir`; absent: nobody looks. */
  readonly disk?: DiskLimits;
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
  /** What it finds by name before anything else. */
  readonly commands?: Commands;
  /** What is kept from it, where the host can. */
  readonly fence?: Fence;
  /** Hears all output as it comes. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly signal: AbortSignal;
}

export interface Fence {
  /** Directories of which the step sees nothing but its own, and what `shows` names. */
  readonly hides?: readonly string[];
  readonly shows?: readonly string[];
  /** Tells the cgroups of one data directory from those of others. */
  readonly family?: string;
  /** For tests alone: as if this host could not. */
  readonly isOff?: boolean;
}

const LOOK_EVERY_MS = 250;
const EVIDENCE_LINES = 50;
/** Of one file that a step writes, where its directory has no limit. */
const FILE_BYTES = 8 * 1024 ** 3;
/** For what left the group and holds the pipes still open. */
const CLOSE_WITHIN_MS = 1000;
/** Of the programs that build the fence, and threads of the step's own processes. */
const tasksFor = (processes: number): number => 64 + 2 * processes;

/** Runs one step of a build and answers with what it printed; nothing that it started outlives it. */
export async function runStep(request: StepRequest): Promise<string> {
  const { dir, user, signal } = request;
  signal.throwIfAborted();
  const scratch = await makeScratch(dir, request.commands);
  try {
    if (user !== undefined) await handOver(dir, user);
    return await run(request, scratch);
  } finally {
    await removeDir(scratch.path);
  }
}

async function run(request: StepRequest, { env: places, bin }: Scratch): Promise<string> {
  const { argv, dir, cwd = dir, user, env = {}, passedOn = {}, fence = {}, signal } = request;
  const limits = { ...stepLimits, ...request.limits };
  const confinement = {
    ...(user !== undefined && { user }),
    tasks: tasksFor(limits.processes),
    fileBytes: limits.disk?.bytes ?? FILE_BYTES,
    sharedBytes: Math.floor(limits.memoryBytes / 4),
    tmp: places.TMPDIR,
    hides: fence.hides ?? [],
    shows: [dir, ...(fence.shows ?? [])],
    joins: [],
  };
  const means = fence.isOff === true ? 'none' : await meansFor(confinement);
  // A step sees no other variable of the platform, which may hold secrets.
  const own = { PATH, LANG: 'C.UTF-8', ...places, ...env };
  const isNamed = Object.keys(request.commands ?? {}).length > 0;
  const variables = { ...passedOn, ...own, ...(isNamed && { PATH: `${bin}:${own.PATH}` }) };
  const shape = {
    name: basename(argv[0] ?? ''),
    dir,
    limits,
    masked: masker(passedOn),
    signal,
    ...(request.onOutput && { onOutput: request.onOutput }),
  };
  signal.throwIfAborted();
  if (means === 'none') {
    const [command = '', ...words] = argv;
    // Begins with the place, so that the next run of the platform finds what a killed one left behind.
    const mark = `${resolve(dir)}#${randomUUID()}`;
    const child = spawn(command, words, {
      cwd,
      env: { ...variables, [MARK]: mark },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    return new Step(child, { ...shape, mark }).outcome();
  }
  const bounds = { memoryBytes: limits.memoryBytes, tasks: confinement.tasks };
  const cgroup = user === undefined ? undefined : await makeStepCgroup(bounds, fence.family ?? 'alone');
  try {
    const [command, ...words] = confined(means, { ...confinement, joins: cgroup?.joins ?? [] });
    const child = spawn(command, [...words, ...HAND_OVER, ...argv], {
      cwd: '/',
      env: OWN_ENVIRONMENT,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // It may end before it has read all of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(handOverScript(resolve(cwd), variables));
    return await new Step(child, { ...shape, ...(cgroup && { cgroup }) }).outcome();
  } finally {
    await cgroup?.end();
  }
}

/** What makes a step what it is, beside its process. */
interface Shape {
  /** For messages. */
  readonly name: string;
  readonly dir: string;
  readonly limits: StepLimits;
  /** In the environment of all that it starts, where no namespace ends that. */
  readonly mark?: string;
  readonly cgroup?: StepCgroup;
  readonly masked: (line: string) => string;
  readonly onOutput?: (chunk: Buffer) => void;
  readonly signal: AbortSignal;
}

class Step {
  readonly #child: ChildProcess;
  readonly #shape: Shape;
  readonly #output: Tail;
  readonly #log: Tail;
  /** Why it was ended before it ended by itself. */
  #stopped: string | undefined;

  constructor(child: ChildProcess, shape: Shape) {
    this.#child = child;
    this.#shape = shape;
    this.#output = new Tail(shape.limits.outputBytes);
    this.#log = new Tail(shape.limits.outputBytes);
    const hear = (chunk: Buffer) => {
      this.#log.add(chunk);
      shape.onOutput?.(chunk);
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output.add(chunk);
      hear(chunk);
    });
    child.stderr?.on('data', hear);
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
      await this.#lookForMemory();
      await within(CLOSE_WITHIN_MS, closed);
      this.#shape.signal.throwIfAborted();
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
    await killFamily(pid);
    // A namespace or a cgroup ends as a whole; without them, what left its group is known by its mark alone.
    if (this.#shape.mark !== undefined) await killMarked((mark) => mark === this.#shape.mark);
  }

  async #lookForMemory(): Promise<void> {
    const kills = (await this.#shape.cgroup?.oomKills()) ?? 0;
    if (kills > 0) this.#stopped ??= tooMuchMemory(this.#shape.limits);
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
    const { timeMs, memoryBytes, processes, disk } = this.#shape.limits;
    const timer = setTimeout(() => stop(`took longer than ${timeMs} ms and was ended`), timeMs);
    const look = async () => {
      const use = await groupUse(pid);
      if (use === undefined) return;
      if (use.bytes > memoryBytes) stop(tooMuchMemory(this.#shape.limits));
      if (use.processes > processes) stop(`ran more than ${processes} processes and was ended`);
    };
    const looking = setInterval(() => void look(), LOOK_EVERY_MS);
    const endDiskWatch = disk
      ? watchDisk(this.#shape.dir, disk, (what) => stop(`${what} and was ended`))
      : () => undefined;
    const { signal } = this.#shape;
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    return () => {
      clearTimeout(timer);
      clearInterval(looking);
      endDiskWatch();
      signal.removeEventListener('abort', abort);
    };
  }

  #failure(what: string, exit?: string): Problem {
    const log = this.#log.lines(EVIDENCE_LINES).map(this.#shape.masked);
    const last = log.at(-1);
    return new Problem(
      'buildFailed',
      `The build step ${this.#shape.name} ${what}${last === undefined ? '' : `; its last line: ${last}`}. Correct the package, then deploy it again.`,
      { ...(exit === undefined ? {} : { exit }), log },
    );
  }
}

const tooMuchMemory = ({ memoryBytes }: StepLimits): string =>
  `used more than ${memoryBytes} bytes of memory and was ended`;

async function within(timeMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((passed) => {
    timer = setTimeout(passed, timeMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
