import { Problem } from '../domain/errors.ts';

/** A place to build in. */
export interface Slot {
  free(): void;
}

/** Jobs that wait hold a worker each; more of them would keep stops, rollbacks and repairs from running. */
const WAITING_MOST = 6;

/** Few builds at a time. */
export class BuildSlots {
  readonly #count: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** `waits` hears how many are ahead. */
  async take(signal: AbortSignal, waits: (ahead: number) => void): Promise<Slot> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#slot();
    }
    if (this.#waiting.length >= WAITING_MOST) {
      throw new Problem(
        'targetUnavailable',
        `${this.#count} builds are under way and ${this.#waiting.length} wait already; repeat the request later, or let the operator raise OPENSTAGE_BUILD_SLOTS.`,
      );
    }
    waits(this.#waiting.length);
    return this.#turn(signal);
  }

  #turn(signal: AbortSignal): Promise<Slot> {
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const take = () => {
      signal.removeEventListener('abort', leave);
      resolve(this.#slot());
    };
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(take), 1);
      reject(
        new Problem(
          'targetUnavailable',
          `No build slot came free in time: ${this.#count} builds were under way. Repeat the request, or let the operator raise OPENSTAGE_BUILD_SLOTS.`,
        ),
      );
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.push(take);
    return promise;
  }

  #slot(): Slot {
    let isTaken = true;
    return {
      free: () => {
        if (!isTaken) return;
        isTaken = false;
        const next = this.#waiting.shift();
        if (next) next();
        else this.#free += 1;
      },
    };
  }
}
