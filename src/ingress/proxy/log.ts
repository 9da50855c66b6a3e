import { copyFileSync, statSync, truncateSync } from 'node:fs';

/** Of the file that the process appends to, and of the one before it. */
const MAX_BYTES = 1024 * 1024;
/** A flood of one kind tells nothing new. */
const MAX_LINES_PER_MINUTE = 60;
const MINUTE_MS = 60_000;

/** Standard output is the log file, opened for append by who started us. */
export class Log {
  readonly #file: string;
  #minute = 0;
  #lines = 0;

  constructor(file: string) {
    this.#file = file;
  }

  write(message: string): void {
    const now = Date.now();
    if (now - this.#minute > MINUTE_MS) {
      this.#minute = now;
      this.#lines = 0;
      this.#rotate();
    }
    if (++this.#lines > MAX_LINES_PER_MINUTE) return;
    console.log(`${new Date(now).toISOString()} ${message}`);
  }

  #rotate(): void {
    try {
      if (statSync(this.#file).size < MAX_BYTES) return;
      copyFileSync(this.#file, `${this.#file}.1`);
      truncateSync(this.#file);
    } catch {
      // A log that cannot be rotated is no reason not to serve.
    }
  }
}
