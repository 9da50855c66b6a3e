/** Numbers that look random and are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/** What is not to go on in silence: an invariant that does not hold. */
export class Violation extends Error {}

/**
 * Time, chance and order of one schedule. Nothing happens but by an event of this queue, one after the other; between
 * two of them all code that can go on without one has done so. So a seed says everything that happens.
 */
export class World {
  readonly random: () => number;
  now = 0;
  /** What happened, for the report of a failure. */
  readonly history: string[] = [];
  #events: Event[] = [];
  #order = 0;
  #underWay = 0;
  #violation: Violation | undefined;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  pick<T>(from: readonly T[]): T {
    const one = from[Math.floor(this.random() * from.length)];
    if (one === undefined) throw new Error('There is nothing to pick from.');
    return one;
  }

  note(line: string): void {
    this.history.push(`${this.now.toFixed(1).padStart(9)}  ${line}`);
  }

  violated(what: string): void {
    this.note(`VIOLATION: ${what}`);
    this.#violation ??= new Violation(what);
  }

  after(ms: number, happen: () => void): void {
    const event = { at: this.now + Math.max(0, ms), order: (this.#order += 1), happen };
    const events = this.#events;
    let index = events.push(event) - 1;
    // A binary heap: the earliest first.
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = events[parent];
      if (above === undefined || !isBefore(event, above)) break;
      events[index] = above;
      index = parent;
    }
    events[index] = event;
  }

  /** The real work of the store, which takes no time here. */
  async real<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Lets things happen until `isOver` says so, or until `until`; false where it came to that. */
  async run(until: number, isOver: () => boolean): Promise<boolean> {
    for (;;) {
      if (isOver()) return true;
      const next = this.#events[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return isOver();
      }
      this.#removeFirst();
      this.now = next.at;
      next.happen();
      do await new Promise<void>((resolve) => setImmediate(resolve));
      while (this.#underWay > 0);
      if (this.#violation) throw this.#violation;
    }
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let least = left;
      const leftEvent = events[left];
      if (leftEvent === undefined) break;
      const rightEvent = events[right];
      let leastEvent = leftEvent;
      if (rightEvent !== undefined && isBefore(rightEvent, leftEvent)) {
        least = right;
        leastEvent = rightEvent;
      }
      if (!isBefore(leastEvent, last)) break;
      events[index] = leastEvent;
      index = least;
    }
    events[index] = last;
  }
}

const isBefore = (one: Event, other: Event): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);
