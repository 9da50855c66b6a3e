import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { pino, type Logger } from 'pino';
import { notWritable } from './data-directory.ts';

/** Of the file that is written, and how many of those before it are kept. */
const MAX_BYTES = 16 * 1024 * 1024;
const KEPT = 4;
/** What waits for the end of this turn of the event loop; more than that is lost and counted. */
const WAITING_MOST = 10_000;

export interface LogLimits {
  readonly maxBytes: number;
  readonly kept: number;
}

/**
 * The platform's log: a line per event, in files bounded in size and number. It never throws and never waits: where
 * the disk is full, lines are lost, and the first line that can be written again says how many.
 */
export class LogFile {
  readonly path: string;
  readonly #limits: LogLimits;
  #file: number | undefined;
  #bytes = 0;
  #waiting: string[] = [];
  #lost = 0;
  #isScheduled = false;

  /** Throws where the directory cannot be made: then nothing has started yet. */
  constructor(path: string, limits: LogLimits = { maxBytes: MAX_BYTES, kept: KEPT }) {
    this.path = path;
    this.#limits = limits;
    mkdirSync(dirname(path), { recursive: true });
    this.reopen();
    process.on('exit', this.#flush);
  }

  write(line: string): void {
    if (this.#waiting.length >= WAITING_MOST) this.#lost += 1;
    else this.#waiting.push(line);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  /** After another program moved the file away. */
  reopen(): void {
    this.#close();
    try {
      this.#file = openSync(this.path, 'a', 0o600);
      this.#bytes = fstatSync(this.#file).size;
    } catch {
      // Tried again with the next lines, which are counted as lost.
    }
  }

  close(): void {
    this.#flush();
    process.off('exit', this.#flush);
    this.#close();
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    if (this.#waiting.length === 0) return;
    const lines = this.#waiting;
    this.#waiting = [];
    if (this.#file === undefined) this.reopen();
    // What could not be written whole may have left half a line.
    const told = this.#lost > 0 ? `\n${lost(this.#lost)}\n` : '';
    if (this.#append(told + lines.join(''))) this.#lost = 0;
    else this.#lost += lines.length;
    if (this.#bytes > this.#limits.maxBytes) this.#rotate();
  };

  #append(text: string): boolean {
    if (this.#file === undefined) return false;
    try {
      const content = Buffer.from(text);
      let written = 0;
      while (written < content.length) written += writeSync(this.#file, content, written);
      this.#bytes += content.length;
      return true;
    } catch {
      return false;
    }
  }

  #rotate(): void {
    try {
      for (let age = this.#limits.kept - 1; age >= 1; age -= 1)
        moved(`${this.path}.${age}`, `${this.path}.${age + 1}`);
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // It is written on, and tried again with the next lines.
    }
    this.reopen();
  }

  #close(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
  }
}

const lost = (count: number): string =>
  JSON.stringify({
    level: 40,
    time: new Date().toISOString(),
    msg: `${count} lines could not be written and are lost`,
  });

function moved(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

export interface PlatformLog {
  readonly log: Logger;
  readonly file: LogFile;
}

/** One event per line, in the data directory's log; the terminal is for people. */
export function openPlatformLog({
  dataDir,
  logLevel,
}: {
  readonly dataDir: string;
  readonly logLevel: string;
}): PlatformLog {
  const file = openFile(dataDir);
  const log = pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
    },
    file,
  );
  return { log, file };
}

function openFile(dataDir: string): LogFile {
  try {
    return new LogFile(`${dataDir}/logs/platform.log`);
  } catch (error) {
    throw notWritable(dataDir, error);
  }
}
