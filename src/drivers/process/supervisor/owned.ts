import { statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Marks } from './environment.ts';
import { HOME_MARK, PROBE_MARK, REPLICA_MARK } from './environment.ts';
import type { ProcessSeen } from './identity.ts';
import { environmentOf, isLinux, seeProcess, seeProcesses } from './identity.ts';

const BATCH = 100;

/**
 * The processes of one user. The kernel tells an owner at once; what a process was started with only when the memory
 * of that process can be read, which one that thrashes puts off for minutes: so nothing of others is ever read.
 */
export async function processesOf(user: number | 'anybody'): Promise<readonly ProcessSeen[]> {
  if (!isLinux) return seeProcesses();
  const found: ProcessSeen[] = [];
  for (const [index, name] of (await readdir('/proc')).entries()) {
    const pid = Number(name);
    const isOurs = Number.isInteger(pid) && (user === 'anybody' || ownerOf(pid) === user);
    const seen = isOurs ? seeProcess(pid) : undefined;
    if (seen) found.push(seen);
    // A host can have tens of thousands; calls of others are answered meanwhile.
    if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

/** Absent: it ended meanwhile. */
export function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

const READ_MOST_MS = 2_000;
/** Node reads files on four threads: those that do not come back must not take them all. */
const MOST_WAITING = 2;

/** What processes were started with, read once for each: who removes a mark later was ours all the same. */
export class MarkReader {
  readonly #read = new Map<string, (Marks & { readonly isProbe: boolean }) | 'none'>();
  #waiting = 0;

  /** Those of the processes that bear the marks; one that does not answer in time bears none. */
  async having(seen: readonly ProcessSeen[], marks: Marks): Promise<readonly ProcessSeen[]> {
    const found: ProcessSeen[] = [];
    for (const each of seen) {
      const own = await this.marksOf(each);
      if (own?.home === marks.home && own.replica === marks.replica) found.push(each);
    }
    return found;
  }

  /** Absent: it bears none. */
  async marksOf(seen: ProcessSeen): Promise<(Marks & { readonly isProbe: boolean }) | undefined> {
    const name = `${seen.pid} ${seen.start}`;
    let marks = this.#read.get(name);
    if (marks === undefined) {
      const env = await this.#environment(seen.pid);
      if (env === undefined) return undefined;
      marks = marksIn(env) ?? 'none';
      this.#remember(name, marks);
    }
    return marks === 'none' ? undefined : marks;
  }

  #remember(name: string, marks: (Marks & { readonly isProbe: boolean }) | 'none'): void {
    if (this.#read.size >= MOST_REMEMBERED) this.#read.clear();
    this.#read.set(name, marks);
  }

  async #environment(pid: number): Promise<readonly string[] | undefined> {
    if (!isLinux) return environmentOf(pid);
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting += 1;
    const reading = readFile(`/proc/${pid}/environ`, 'utf8')
      .catch(() => '')
      .finally(() => (this.#waiting -= 1));
    const text = await Promise.race([reading, wait(READ_MOST_MS, undefined, { ref: false })]);
    return text?.split('\0');
  }
}

const MOST_REMEMBERED = 20_000;

function marksIn(env: readonly string[]): (Marks & { readonly isProbe: boolean }) | undefined {
  const valueOf = (name: string) =>
    env.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);
  const [home, replica] = [valueOf(HOME_MARK), valueOf(REPLICA_MARK)];
  return home === undefined || replica === undefined
    ? undefined
    : { home, replica, isProbe: valueOf(PROBE_MARK) !== undefined };
}
