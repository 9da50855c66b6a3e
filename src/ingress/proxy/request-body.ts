import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadAhead } from './read-ahead.ts';

/** The application left the body lying, so its client is let go. */
export class Unread extends Error {}

export interface Patience {
  /** Without progress of a body that the application does not read. */
  readonly unreadMs: number;
  readonly ahead: ReadAhead;
}

/**
 * A request's body for one attempt to forward it. Nothing is read from the client before the application's connection
 * stands, so that another attempt can still be made; and when it is destroyed, the client's connection is not.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #onFirstRead: () => void;
  readonly #patience: Patience;
  #isReading = false;
  #unread: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #lookMs = 0;
  /** Held of what all may read ahead; given back when the application has read as much. */
  #places = 0;
  /** How much the look that is under way may still take. */
  #mayTake = 0;

  constructor(request: IncomingMessage, onFirstRead: () => void, patience: Patience) {
    super({ highWaterMark: 64 * 1024 });
    this.#request = request;
    this.#patience = patience;
    this.#onFirstRead = onFirstRead;
  }

  override _read(): void {
    this.#endPause();
    if (!this.#isReading) {
      this.#isReading = true;
      this.#request.on('data', this.#onData);
      this.#request.on('end', this.#onEnd);
      this.#onFirstRead();
    }
    this.#request.resume();
  }

  /** Much may have been read ahead: what the application takes of it is progress, too. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (chunk !== null) this.#unread?.refresh();
    return chunk;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#endPause();
    if (this.#isReading) {
      this.#request.off('data', this.#onData);
      this.#request.off('end', this.#onEnd);
      // What the client still sends is thrown away, so that it comes to read the answer.
      this.#request.resume();
    }
    done(error);
  }

  readonly #onData = (chunk: Buffer) => {
    const isWanted = this.push(chunk);
    if (isWanted) return;
    if (this.#mayTake > chunk.length) {
      this.#mayTake -= chunk.length;
      return;
    }
    this.#mayTake = 0;
    this.#request.pause();
    if (this.#unread === undefined) this.#beginPause();
    this.#look = setTimeout(this.#askToLook, this.#lookMs);
    // Each look is later than the one before: an upload that is only slow takes no more than a few.
    this.#lookMs *= 2;
  };

  #beginPause(): void {
    const { unreadMs, ahead } = this.#patience;
    this.#lookMs = ahead.firstLookMs;
    this.#unread = setTimeout(() => {
      this.destroy(new Unread(`The application read nothing for ${String(unreadMs / 1000)} s.`));
    }, unreadMs);
  }

  readonly #askToLook = () => this.#patience.ahead.ask(this.#lookOn);

  readonly #lookOn = () => {
    this.#places++;
    this.#mayTake = this.#patience.ahead.lookBytes;
    this.#request.resume();
  };

  /** The application reads, or nobody will. */
  #endPause(): void {
    if (this.#unread === undefined) return;
    clearTimeout(this.#unread);
    clearTimeout(this.#look);
    this.#unread = undefined;
    this.#mayTake = 0;
    const { ahead } = this.#patience;
    ahead.cancel(this.#lookOn);
    const places = this.#places;
    this.#places = 0;
    if (places > 0) ahead.giveBack(places);
  }

  readonly #onEnd = () => {
    this.push(null);
  };
}
