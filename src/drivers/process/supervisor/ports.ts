import { createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** Which port belongs to which replica. Taken ones are known from the replicas' files, strangers' by trying. */
export class Ports {
  readonly low: number;
  readonly high: number;
  readonly #holders = new Map<number, string>();
  #next: number;

  /** `offset` spreads the platforms of one machine over the range. */
  constructor(low: number, high: number, offset: number) {
    this.low = low;
    this.high = high;
    this.#next = low + (offset % (high - low + 1));
  }

  get held(): number {
    return this.#holders.size;
  }

  hold(port: number, replica: string): void {
    this.#holders.set(port, replica);
  }

  isAnothers(port: number, replica: string): boolean {
    const holder = this.#holders.get(port);
    return holder !== undefined && holder !== replica;
  }

  release(port: number, replica: string): void {
    if (this.#holders.get(port) === replica) this.#holders.delete(port);
  }

  /**
   * The one it had, if it proved itself: whoever could not listen there must not try it again and again.
   * Absent: every port is held or taken.
   */
  async choose(replica: string, before?: number, isProven = false): Promise<number | undefined> {
    if (before !== undefined) {
      if (isProven && (await isFree(before))) return before;
      this.release(before, replica);
    }
    for (let tries = this.low; tries <= this.high; tries += 1) {
      const port = this.#next;
      this.#next = port === this.high ? this.low : port + 1;
      if (this.#holders.has(port)) continue;
      // Held before it is tried: another replica asks meanwhile.
      this.hold(port, replica);
      if (await isFree(port)) return port;
      this.release(port, replica);
    }
    return undefined;
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
