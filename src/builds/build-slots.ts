import { Problem } from '../domain/errors.ts';

/** A place to build in, with the user whose only work is this one. */
export interface Slot {
  /** Numeric user; absent where the platform is not root. */
  readonly user?: number;
  free(): void;
}

/** Jobs that wait hold a worker each; more of them would keep stops, rollbacks and repairs from running. */
const WAITING_MOST = 6;

/** Few builds at a time, each as a user of its own, so that none can lay hands on another's files. */
export class BuildSlots {
  readonly #free: (number | undefined)[];
  readonly #count: number;
  readonly #waiting: ((user: number | undefined) => void)[] = [];

  /** As many as there are users, where there are any. */
  constructor(count: number, users: readonly number[] = []) {
    this.#free = users.length > 0 ? [...users] : Array.from({ length: count }, () => undefined);
    this.#count = this.#free.length;
  }

  /** `waits` hears how many are ahead. */
  async take(signal: AbortSignal, waits: (ahead: number) => void): Promise<Slot> {
    signal.throwIfAborted();
    if (this.#free.length > 0) return this.#slot(this.#free.shift());
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
    const take = (user: number | undefined) => {
      signal.removeEventListener('abort', leave);
      resolve(this.#slot(user));
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

  #slot(user: number | undefined): Slot {
    let isTaken = true;
    return {
      ...(user !== undefined && { user }),
      free: () => {
        if (!isTaken) return;
        isTaken = false;
        const next = this.#waiting.shift();
        if (next) next(user);
        else this.#free.push(user);
      },
    };
  }
}
