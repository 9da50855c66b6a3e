/** Wrong signatures in a row, by one key from one network, before that pair is told that it is locked. */
const MOST_IN_A_ROW = 5;
const LOCK_MS = 5 * 60_000;
/** Pairs kept; the oldest make room, so that memory stays bounded. Only keys that exist are counted. */
const MOST_PAIRS = 10_000;

interface Wrongs {
  readonly count: number;
  readonly lastMs: number;
}

/**
 * Locks an access key for a network after wrong signatures. The lock is for what is wrong: secrets are too long to be
 * guessed, and a check costs next to nothing, so that nobody can keep the owner of a key out by signing wrongly with it.
 * In memory: a restart forgives.
 */
export class KeyLocks {
  readonly #wrongs = new Map<string, Wrongs>();
  readonly #nowMs: () => number;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Tries while it is locked make the lock no longer. */
  isLocked(access: string, source: string): boolean {
    const wrongs = this.#wrongs.get(pair(access, source));
    return wrongs !== undefined && wrongs.count >= MOST_IN_A_ROW && wrongs.lastMs + LOCK_MS > this.#nowMs();
  }

  wrong(access: string, source: string): void {
    const key = pair(access, source);
    const known = this.#wrongs.get(key);
    const now = this.#nowMs();
    const count = known && known.lastMs + LOCK_MS > now ? known.count + 1 : 1;
    this.#wrongs.delete(key);
    this.#wrongs.set(key, { count, lastMs: now });
    if (this.#wrongs.size <= MOST_PAIRS) return;
    const oldest = this.#wrongs.keys().next();
    if (!oldest.done) this.#wrongs.delete(oldest.value);
  }

  right(access: string, source: string): void {
    this.#wrongs.delete(pair(access, source));
  }
}

const pair = (access: string, source: string) => `${source}\0${access}`;
