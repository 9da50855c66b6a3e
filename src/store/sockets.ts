import { Socket } from 'node:net';

const END_MOST_MS = 3_000;

/** Those of connections to a server: what does not end when it is asked to is ended, so that nobody waits for one that says nothing. */
export class Sockets {
  readonly #open = new Set<Socket>();

  /** As `stream` of a connection. */
  readonly make = (): Socket => {
    const socket = new Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** Waits for a polite end for a while. */
  async end(politely: () => Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, END_MOST_MS);
    await Promise.race([politely().catch(() => {}), late.promise]);
    clearTimeout(timer);
    for (const socket of this.#open) socket.destroy();
  }
}
