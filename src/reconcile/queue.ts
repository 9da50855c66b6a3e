import { waitAfter, type BackOff } from './back-off.ts';

/** Hints of one key that come faster than this are one. */
const GAP_MS = 20;
const RETRY: BackOff = { firstMs: 1_000, mostMs: 60_000 };

/**
 * Keys that are to be looked at, each at most once at a time however often it is added. A key that failed waits before
 * its next turn, longer each time, and keeps nobody else waiting.
 */
export class KeyQueue<K extends string> {
  readonly #random: () => number;
  /** When its turn comes at the earliest. In the order in which they came. */
  readonly #due = new Map<K, number>();
  readonly #underWay = new Set<K>();
  /** Added while it was under way: what it asks for may have come too late to be seen. */
  readonly #again = new Set<K>();
  readonly #failures = new Map<K, number>();
  /** No turn of the key before that time. */
  readonly #rest = new Map<K, number>();

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  add(key: K, now: number): void {
    if (this.#underWay.has(key)) this.#again.add(key);
    else if (!this.#due.has(key)) this.#due.set(key, Math.max(now, this.#rest.get(key) ?? 0));
  }

  /** Marks it as under way, until `done` or `failed`. */
  take(now: number): K | undefined {
    for (const [key, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(key);
      this.#underWay.add(key);
      return key;
    }
    return undefined;
  }

  done(key: K, now: number): void {
    this.#failures.delete(key);
    this.#end(key, now + GAP_MS);
    this.#forgetRested(now);
  }

  /** Its turn comes again by itself. Answers how often it failed in a row. */
  failed(key: K, now: number): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#again.add(key);
    this.#end(key, now + waitAfter(failures, RETRY, this.#random));
    return failures;
  }

  /** When the next turn is; undefined where nobody waits. */
  nextAt(): number | undefined {
    return this.#due.size === 0 ? undefined : Math.min(...this.#due.values());
  }

  #end(key: K, rest: number): void {
    this.#underWay.delete(key);
    this.#rest.delete(key);
    this.#rest.set(key, rest);
    if (this.#again.delete(key)) this.#due.set(key, rest);
  }

  #forgetRested(now: number): void {
    for (const [key, until] of this.#rest) {
      if (until <= now) this.#rest.delete(key);
      else if (!this.#failures.has(key)) return;
    }
  }
}
