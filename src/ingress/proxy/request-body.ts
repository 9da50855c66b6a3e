import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** The application left the body lying, so its client is let go. */
export class Unread extends Error {}

/**
 * A request's body for one attempt to forward it. Nothing is read from the client before the application's connection
 * stands, so that another attempt can still be made; and when it is destroyed, the client's connection is not.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #onFirstRead: () => void;
  readonly #unreadMs: number;
  #isReading = false;
  #unread: NodeJS.Timeout | undefined;

  constructor(request: IncomingMessage, onFirstRead: () => void, unreadMs: number) {
    super({ highWaterMark: 64 * 1024 });
    this.#request = request;
    this.#unreadMs = unreadMs;
    this.#onFirstRead = onFirstRead;
  }

  override _read(): void {
    clearTimeout(this.#unread);
    if (!this.#isReading) {
      this.#isReading = true;
      this.#request.on('data', this.#onData);
      this.#request.on('end', this.#onEnd);
      this.#onFirstRead();
    }
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#unread);
    if (this.#isReading) {
      this.#request.off('data', this.#onData);
      this.#request.off('end', this.#onEnd);
      // What the client still sends is thrown away, so that it comes to read the answer.
      this.#request.resume();
    }
    done(error);
  }

  readonly #onData = (chunk: Buffer) => {
    if (this.push(chunk)) return;
    this.#request.pause();
    clearTimeout(this.#unread);
    this.#unread = setTimeout(() => {
      this.destroy(new Unread(`The application read nothing for ${String(this.#unreadMs / 1000)} s.`));
    }, this.#unreadMs);
  };

  readonly #onEnd = () => {
    this.push(null);
  };
}
