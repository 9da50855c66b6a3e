import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Journal } from './journal.ts';
import { reasonOf } from './reason.ts';
import { PLATFORM_ENV } from './tools.ts';

/** Of one try: what is larger gets further with each. */
const TRY_MOST_MS = 60_000;
/** After the last one the next supervisor tries again. */
const AGAIN_AFTER_MS = [10_000, 60_000, 600_000, 3_600_000];
const IDLE_PRIORITY = 19;

/**
 * Directories of replicas that are gone, removed beside everything else. An application may have left millions of files
 * or a directory ten thousand levels deep: so a program removes them that runs as the application's user, and only the
 * empty shell, in which nobody else could make anything, is left to us.
 */
export class Trash {
  readonly #dir: string;
  readonly #journal: Journal;
  #work: Promise<void> = Promise.resolve();
  #graves = 0;
  readonly #stop = new AbortController();

  constructor(replicasDir: string, journal: Journal) {
    this.#dir = join(replicasDir, '.trash');
    this.#journal = journal;
    makePrivate(this.#dir);
    for (const name of readdirSync(this.#dir)) this.#enqueue(name, 0);
  }

  /** Out of reach in one step, so that a crash leaves no half of it. */
  take(dir: string): void {
    this.#graves += 1;
    const grave = `${Date.now()}-${process.pid}-${this.#graves}`;
    try {
      renameSync(dir, join(this.#dir, grave));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw error;
    }
    this.#enqueue(grave, 0);
  }

  /** The next supervisor goes on with it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  /** One after the other: removing is for quiet times. */
  #enqueue(name: string, tries: number): void {
    this.#work = this.#work.then(async () => {
      if (this.#stop.signal.aborted) return;
      const flaw = await removeGrave(join(this.#dir, name), this.#stop.signal).then(
        () => undefined,
        reasonOf,
      );
      if (flaw === undefined || this.#stop.signal.aborted) return;
      this.#journal.tell('files not removed yet', { grave: name, tries: tries + 1, reason: flaw });
      const pause = AGAIN_AFTER_MS[tries];
      if (pause !== undefined) setTimeout(() => this.#enqueue(name, tries + 1), pause).unref();
    });
  }
}

export function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
}

async function removeGrave(grave: string, stop: AbortSignal): Promise<void> {
  if (!lstatSync(grave).isDirectory()) return unlinkSync(grave);
  for (const path of tenantsIn(grave)) await emptyAsOwner(path, stop);
  removeShell(grave);
}

/** Directories that were given to the application; all that lies around them is ours. */
function tenantsIn(grave: string): readonly string[] {
  const volumes = join(grave, 'volumes');
  const names = lstatSync(volumes, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(volumes) : [];
  return [join(grave, 'own'), ...names.map((name) => join(volumes, name))].filter((path) =>
    lstatSync(path, { throwIfNoEntry: false })?.isDirectory(),
  );
}

/** The application may have taken its own permissions away; the owner can give them back. */
async function emptyAsOwner(path: string, stop: AbortSignal): Promise<void> {
  const { uid, gid } = lstatSync(path);
  const isOurs = uid === process.getuid?.();
  const as = isOurs ? {} : { uid, gid };
  // The directory itself stays: its parent is not the application's.
  const name = basename(path);
  const empty = ['/bin/rm', '-rf', '--', name] as const;
  await ended(empty, dirname(path), as, stop);
  if (isEmpty(path)) return;
  await ended(['/bin/chmod', '-R', 'u+rwx', name], dirname(path), as, stop);
  await ended(empty, dirname(path), as, stop);
}

/** And removed, then. */
function isEmpty(path: string): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })) return true;
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

async function ended(
  [command, ...args]: readonly [string, ...string[]],
  cwd: string,
  as: { readonly uid?: number; readonly gid?: number },
  stop: AbortSignal,
): Promise<void> {
  if (stop.aborted) return;
  const child = spawn(command, args, { cwd, ...as, env: PLATFORM_ENV, stdio: 'ignore', detached: true });
  const exit = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) return void (await exit);
  try {
    setPriority(pid, IDLE_PRIORITY);
  } catch {
    // It ended already.
  }
  const kill = () => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  };
  const timer = setTimeout(kill, TRY_MOST_MS);
  stop.addEventListener('abort', kill);
  await exit;
  clearTimeout(timer);
  stop.removeEventListener('abort', kill);
}

/** What is not empty by now fails here, and is tried again. */
function removeShell(grave: string): void {
  for (const entry of readdirSync(grave, { withFileTypes: true })) {
    const path = join(grave, entry.name);
    if (!entry.isDirectory()) unlinkSync(path);
    else if (entry.name === 'volumes') removeShell(path);
    else rmdirSync(path);
  }
  rmdirSync(grave);
}
