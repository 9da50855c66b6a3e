import { statfs } from 'node:fs/promises';
import type { Store } from './store/open.ts';

/** A part without which requests are accepted in vain. */
export interface Needed {
  /** Throws, or takes too long, where the part is not there. */
  check(): Promise<unknown>;
  /** What is not there and what to do; the reason follows. */
  readonly lack: string;
}

/** Longer is as good as gone: whoever asks has a time limit too. */
const CHECK_MS = 3_000;
/** Below it not even the store can write for long. */
const LEAST_DISK_BYTES = 16 * 1024 ** 2;
const MIB = 1024 ** 2;

/** Whether requests can be served now. Those that ask at once share one look. */
export class Readiness {
  readonly #needed: readonly Needed[];
  readonly #checkMs: number;
  #looking: Promise<string | undefined> | undefined;

  constructor(needed: readonly Needed[], checkMs = CHECK_MS) {
    this.#needed = needed;
    this.#checkMs = checkMs;
  }

  /** A sentence for each part that is not there; undefined when all are. */
  async lacking(): Promise<string | undefined> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<string | undefined> {
    const lacks = await Promise.all(this.#needed.map((needed) => this.#ask(needed)));
    const sentences = lacks.filter((lack) => lack !== undefined);
    return sentences.length === 0 ? undefined : sentences.join(' ');
  }

  async #ask({ check, lack }: Needed): Promise<string | undefined> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`no answer within ${this.#checkMs / 1000} s`)),
      this.#checkMs,
    );
    try {
      await Promise.race([check(), late.promise]);
      return undefined;
    } catch (error) {
      return `${lack} (${error instanceof Error ? error.message.replace(/\.$/, '') : 'no reason given'}).`;
    } finally {
      clearTimeout(timer);
    }
  }
}

export const storeNeeded = (store: Pick<Store, 'check'>): Needed => ({
  check: () => store.check(),
  lack: 'The store does not answer; look at the database, or at the disk of the data directory',
});

export const supervisorNeeded = (reach: () => Promise<unknown>): Needed => ({
  check: reach,
  lack: 'The supervisor of this host cannot be reached; look into logs/supervisor.log in the data directory',
});

export const proxyNeeded = (reach: () => Promise<unknown>): Needed => ({
  check: reach,
  lack: 'The ingress proxy cannot be reached; look into logs/proxy.log in the data directory',
});

export const diskNeeded = (
  dataDir: string,
  look: (path: string) => Promise<{ readonly bavail: number; readonly bsize: number }> = statfs,
): Needed => ({
  async check() {
    const { bavail, bsize } = await look(dataDir);
    if (bavail * bsize >= LEAST_DISK_BYTES) return;
    throw new Error(`${Math.floor((bavail * bsize) / MIB)} MiB left, ${LEAST_DISK_BYTES / MIB} needed`);
  },
  lack: `The disk of the data directory ${dataDir} is full; free some space`,
});
