import { closeSync, copyFileSync, ftruncateSync, writeSync } from 'node:fs';
import { olderPart, openLog, sizeOf } from './logs.ts';

/** An event a day and replica would fill this in years; a crash loop must not fill the disk. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The supervisor's own log: an event per line. */
export class Journal {
  readonly #path: string;
  readonly #file: number;

  constructor(path: string) {
    this.#path = path;
    this.#file = openLog(path);
  }

  tell(event: string, facts: Readonly<Record<string, unknown>> = {}): void {
    try {
      writeSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), event, ...facts })}\n`);
    } catch {
      // A full disk must not end the supervisor.
    }
  }

  bound(): void {
    if (sizeOf(this.#path) <= MAX_BYTES) return;
    try {
      copyFileSync(this.#path, olderPart(this.#path));
      ftruncateSync(this.#file, 0);
    } catch {
      // Nor must one that fills while it is copied.
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
