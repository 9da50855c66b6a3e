/** As much as a client's system keeps of what it has not sent yet (Linux: `tcp_wmem`): behind it stands the end. */
const LOOK_BYTES = 4 * 1024 * 1024;
/** Sixteen looks at a time, of all uploads of this process. */
const AHEAD_BYTES = 64 * 1024 * 1024;
const FIRST_LOOK_MS = 2_000;

export interface ReadAheadLimits {
  readonly lookMs?: number;
  readonly lookBytes?: number;
  readonly aheadBytes?: number;
}

/**
 * Who may read on although the application does not. That a client has left stands behind all that it had sent before,
 * so an upload that is paused is read on for a little from time to time, to see whether its end comes. What all
 * uploads together hold by it is bounded; whoever finds nothing left waits for a place.
 */
export class ReadAhead {
  readonly firstLookMs: number;
  readonly lookBytes: number;
  #places: number;
  readonly #waiting = new Set<() => void>();

  constructor({ lookMs, lookBytes, aheadBytes }: ReadAheadLimits = {}) {
    this.firstLookMs = lookMs ?? FIRST_LOOK_MS;
    this.lookBytes = lookBytes ?? LOOK_BYTES;
    this.#places = Math.floor((aheadBytes ?? AHEAD_BYTES) / this.lookBytes);
  }

  /** Calls back once there is a place, at once or later. */
  ask(onPlace: () => void): void {
    this.#waiting.add(onPlace);
    this.#serve();
  }

  cancel(onPlace: () => void): void {
    this.#waiting.delete(onPlace);
  }

  giveBack(places: number): void {
    this.#places += places;
    this.#serve();
  }

  #serve(): void {
    for (const onPlace of this.#waiting) {
      if (this.#places === 0) return;
      this.#places--;
      this.#waiting.delete(onPlace);
      onPlace();
    }
  }
}
