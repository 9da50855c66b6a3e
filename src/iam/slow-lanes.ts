import { setTimeout as pause } from 'node:timers/promises';

interface Lane {
  /** Those that wait, with the one whose turn it is. */
  places: number;
  tail: Promise<unknown>;
}

/** Where work is done one after the other with a pause before each, so that a guesser waits for its own guesses. */
export class SlowLanes {
  readonly #pauseMs: number;
  readonly #mostPlaces: number;
  readonly #lanes = new Map<string, Lane>();

  constructor(pauseMs: number, mostPlaces: number) {
    this.#pauseMs = pauseMs;
    this.#mostPlaces = mostPlaces;
  }

  /** Undefined, after a pause as well: all places of the lane are taken. */
  async take<T>(name: string, work: () => Promise<T>): Promise<{ readonly done: T } | undefined> {
    const lane = this.#lanes.get(name) ?? { places: 0, tail: Promise.resolve() };
    if (lane.places >= this.#mostPlaces) {
      await pause(this.#pauseMs, undefined, { ref: false });
      return undefined;
    }
    lane.places += 1;
    this.#lanes.set(name, lane);
    const turn = lane.tail.then(() => pause(this.#pauseMs, undefined, { ref: false })).then(work);
    lane.tail = turn.catch(() => undefined);
    try {
      return { done: await turn };
    } finally {
      lane.places -= 1;
      if (lane.places === 0) this.#lanes.delete(name);
    }
  }
}
