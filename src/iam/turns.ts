/** Who waits for a turn. */
interface Waiting {
  readonly begin: () => void;
  readonly refuse: (reason: Error) => void;
}

/**
 * Lets a few works run at once. Sources take turns, so that whoever asks often waits for itself; a place that was taken
 * is kept, unless all are taken and the one with the most of them has to give its last one to somebody who has none.
 */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: { readonly ofOne: number; readonly ofAll: number };
  readonly #refusal: () => Error;
  /** The next to be served first. */
  readonly #queues = new Map<string, Waiting[]>();
  #waiting = 0;
  #running = 0;

  constructor(
    most: number,
    mostWaiting: { readonly ofOne: number; readonly ofAll: number },
    refusal: () => Error,
  ) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#refusal = refusal;
  }

  async take<T>(source: string, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await this.#turn(source);
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#next();
      if (next) next.begin();
      else this.#running -= 1;
    }
  }

  #turn(source: string): Promise<void> {
    const queue = this.#queues.get(source) ?? [];
    const isFull = queue.length >= this.#mostWaiting.ofOne;
    if (isFull || (this.#waiting >= this.#mostWaiting.ofAll && !this.#makeRoom(queue.length)))
      return Promise.reject(this.#refusal());
    this.#queues.set(source, queue);
    this.#waiting += 1;
    return new Promise((begin, refuse) => queue.push({ begin, refuse }));
  }

  /** False: nobody has more places than whoever asks would have then. */
  #makeRoom(own: number): boolean {
    let longest: Waiting[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= own + 1) return false;
    this.#waiting -= 1;
    longest.pop()?.refuse(this.#refusal());
    return true;
  }

  #next(): Waiting | undefined {
    const [first] = this.#queues;
    if (!first) return undefined;
    const [source, queue] = first;
    const next = queue.shift();
    // Behind all others, if it has more.
    this.#queues.delete(source);
    if (queue.length > 0) this.#queues.set(source, queue);
    this.#waiting -= 1;
    return next;
  }
}
