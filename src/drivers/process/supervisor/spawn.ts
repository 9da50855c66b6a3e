import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import type { Rollout } from '../../../domain/rollout.ts';
import type { Entry } from './entry.ts';
import { entryWords, isForked, NOT_FENCED } from './entry.ts';
import { placesOf } from './environment.ts';
import { fillHere } from './own-node-here.ts';
import { Handover, handoverWords } from './handover.ts';
import type { Charge } from './handover.ts';
import { openLog } from './logs.ts';
import type { ReplicaFiles } from './replica-files.ts';
import { PLATFORM_ENV } from './tools.ts';

/** How a process ended; `flaw` where it never became what it was to be. */
export interface Ended {
  readonly code?: number;
  readonly signal?: string;
  readonly flaw?: string;
}

/** A process of a replica that waits to be told what it is to become. */
export interface Begun {
  /** Its own number, which is not that of its parent in a namespace. */
  readonly pid: number;
  readonly ended: Promise<Ended>;
  give(charge: Charge): void;
  /** Should the process that stays between us have been stopped with it. */
  wake(): void;
  /** Itself and its session. */
  kill(): void;
}

const BEGIN_MOST_MS = 30_000;
/** After the end of a process its parent's descriptors are closed at once, but for what the kernel still does. */
const CLOSE_MOST_MS = 1000;

export type Output = readonly ['ignore', number | 'pipe', number | 'pipe'];

/** Starts a process inside; it does nothing until it is given its charge. Throws a sentence where it could not be. */
export async function begin(
  entry: Entry,
  output: Output,
  {
    stop,
    leakTo,
  }: { readonly stop?: AbortSignal | undefined; readonly leakTo?: NodeJS.ProcessEnv | undefined },
  onChild: (child: ChildProcess) => void = () => {},
): Promise<Begun> {
  const [command = '', ...args] = entryWords(entry, handoverWords());
  // Its own session and group, and no pipe to anything that may die before it.
  const child = spawn(command, args, {
    env: leakTo ?? PLATFORM_ENV,
    cwd: '/',
    detached: true,
    stdio: [...output, 'pipe'],
  });
  const exit = exitOf(child);
  if (child.pid === undefined) throw new Error((await exit).flaw);
  onChild(child);
  const handover = new Handover(child);
  const waiting = new AbortController();
  try {
    await Promise.race([
      handover.ready,
      failing(exit),
      tooLate(waiting.signal),
      aborted(stop, waiting.signal),
    ]);
    const pid = isForked(entry) ? childOf(child.pid) : child.pid;
    if (pid === undefined) throw new Error('its process ended before it was given its variables');
    return begun(child, pid, handover, exit);
  } catch (error) {
    handover.drop();
    child.kill('SIGKILL');
    throw error;
  } finally {
    waiting.abort();
  }
}

function begun(child: ChildProcess, pid: number, handover: Handover, exit: Promise<Ended>): Begun {
  let command = '';
  const ended = exit.then(async (end) => {
    await Promise.race([handover.closed, pause(CLOSE_MOST_MS)]);
    handover.drop();
    const flaw = handover.flaw(command);
    return flaw === undefined ? end : { ...end, flaw };
  });
  return {
    pid,
    ended,
    give: (charge) => {
      command = charge.argv[0] ?? '';
      handover.give(charge);
    },
    wake: () => {
      if (child.pid !== pid) child.kill('SIGCONT');
    },
    kill: () => {
      handover.drop();
      for (const target of [-pid, child.pid ?? pid]) kill(target);
    },
  };
}

function exitOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ flaw: error.message });
    });
    child.once('exit', (code, signal) =>
      resolve({ ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) }),
    );
  });
}

async function failing(exit: Promise<Ended>): Promise<never> {
  const { code, signal } = await exit;
  const why =
    code === NOT_FENCED
      ? 'it could not be put under its limits'
      : `it ended with ${signal ?? `code ${code}`}`;
  throw new Error(`${why} before it became the application; its log may say more`);
}

function tooLate(over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`it did not come into being within ${BEGIN_MOST_MS / 1000} s`)),
      BEGIN_MOST_MS,
    );
    over.addEventListener('abort', () => clearTimeout(timer));
  });
}

function aborted(stop: AbortSignal | undefined, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new Error('it is no longer wanted'));
    if (stop?.aborted) abort();
    else stop?.addEventListener('abort', abort, { once: true, signal: over });
  });
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** Of a program of ours that has one child. */
function childOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return child ? Number(child) : undefined;
  } catch {
    return undefined;
  }
}

/** The log of the application, while `work` runs. */
export async function withLog<T>(files: ReplicaFiles, work: (log: number) => Promise<T>): Promise<T> {
  const log = openLog(files.log);
  try {
    return await work(log);
  } finally {
    closeSync(log);
  }
}

/** What a replica's process becomes: the application itself, or the command of a probe or hook. */
export function chargeOf(
  {
    rollout,
    files,
    port,
  }: { readonly rollout: Rollout; readonly files: ReplicaFiles; readonly port: number },
  env: Readonly<Record<string, string>>,
  command?: readonly string[],
): Charge {
  const places = placesOf(rollout, files, port);
  return {
    cwd: fillHere(rollout.workload.launch.cwd, places),
    files: command ? [] : launchFiles(rollout, files, port),
    argv: command ?? rollout.workload.launch.argv.map((word) => fillHere(word, places)),
    env,
  };
}

function launchFiles(rollout: Rollout, files: ReplicaFiles, port: number): Charge['files'] {
  return rollout.workload.launch.files.map((file) => {
    const path = normalize(file.path);
    if (isAbsolute(path) || path.startsWith('..')) {
      throw new Error(
        `the launch names the file "${file.path}", which is not inside the replica's directory`,
      );
    }
    return { path: join(files.own, path), content: fillHere(file.content, placesOf(rollout, files, port)) };
  });
}

/** A build that others must not read belongs to a group of its own, which only root can have given it. */
export function buildGroupOf({ releaseDir }: Rollout): number | undefined {
  const stats = statSync(releaseDir, { throwIfNoEntry: false });
  return stats?.uid === 0 && stats.gid !== 0 ? stats.gid : undefined;
}

/** The supervisor's own word in an application's log, where the user looks for it. */
export function tellInLog(files: ReplicaFiles, sentence: string): void {
  try {
    appendFileSync(files.log, `openstage: ${sentence}\n`, { mode: 0o600 });
  } catch {
    // A full disk must not end the supervisor.
  }
}
