/** Failures of one user from one party before further tries are slowed down. */
const MOST_PER_USER = 5;
/** Failures from one source over all users: guesses of names cost as much as guesses of passwords. */
const MOST_PER_SOURCE = 100;
/** Failures are forgotten so long after the last one. */
const FORGET_MS = 60_000;
/** Keys kept; the oldest make room, so that memory stays bounded. */
const MOST_KEYS = 10_000;

interface Failures {
  count: number;
  lastMs: number;
}

/** Counts failed sign-ins by user and party. In memory: a restart forgives. */
export class Attempts {
  readonly #failures = new Map<string, Failures>();
  readonly #nowMs: () => number;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Seconds until tries for this user from this party are as fast as ever; 0: they are. */
  waitS(user: string, source: string): number {
    return Math.max(
      this.#waitOf(userKey(user, source), MOST_PER_USER),
      this.#waitOf(source, MOST_PER_SOURCE),
    );
  }

  failed(user: string, source: string): void {
    this.#count(userKey(user, source));
    this.#count(source);
  }

  succeeded(user: string, source: string): void {
    this.#failures.delete(userKey(user, source));
  }

  #waitOf(key: string, most: number): number {
    const failures = this.#failures.get(key);
    if (!failures || failures.count < most) return 0;
    const leftMs = failures.lastMs + FORGET_MS - this.#nowMs();
    return Math.max(0, Math.ceil(leftMs / 1000));
  }

  #count(key: string): void {
    const now = this.#nowMs();
    const known = this.#failures.get(key);
    const count = known && known.lastMs + FORGET_MS > now ? known.count + 1 : 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastMs: now });
    if (this.#failures.size > MOST_KEYS) {
      const oldest = this.#failures.keys().next();
      if (!oldest.done) this.#failures.delete(oldest.value);
    }
  }
}

/** A name cannot hold a NUL: the body's reader refuses it. */
const userKey = (user: string, source: string) => `${source}\0${user}`;
