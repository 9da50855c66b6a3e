import { fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

/** Of the file that the process appends to, and of the one before it. */
const MAX_BYTES = 1024 * 1024;
/** A flood of one kind tells nothing new. */
const MAX_LINES_PER_MINUTE = 60;
const MINUTE_MS = 60_000;
const STDOUT = 1;

/**
 * Standard output is the log file, opened for append by who started us. Both files are opened at once, since later the
 * process may be a user who cannot reach them by name.
 */
export class Log {
  readonly #file: number;
  readonly #before: number;
  #minute = 0;
  #lines = 0;

  constructor(file: string) {
    this.#file = openSync(file, 'a+', 0o600);
    this.#before = openSync(`${file}.1`, 'a+', 0o600);
  }

  write(message: string): void {
    const now = Date.now();
    if (now - this.#minute > MINUTE_MS) {
      this.#minute = now;
      this.#lines = 0;
      this.#rotate();
    }
    if (++this.#lines > MAX_LINES_PER_MINUTE) return;
    try {
      writeSync(STDOUT, `${new Date(now).toISOString()} ${message}\n`);
    } catch {
      // The stream over it would take nothing more after one line that did not fit on a full disk.
    }
  }

  #rotate(): void {
    try {
      const { size } = fstatSync(this.#file);
      if (size < MAX_BYTES) return;
      const last = Buffer.alloc(MAX_BYTES);
      const length = readSync(this.#file, last, 0, MAX_BYTES, size - MAX_BYTES);
      ftruncateSync(this.#before);
      writeSync(this.#before, last, 0, length);
      ftruncateSync(this.#file);
    } catch {
      // A log that cannot be rotated is no reason not to serve.
    }
  }
}
