import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Parser } from 'tar';
import type { ReadEntry } from 'tar';
import { Problem } from '../domain/errors.ts';
import { systemCode } from '../domain/disk-fault.ts';
import { unusablePackage } from './entry.ts';
import type { Entry, Visit } from './entry.ts';

export interface ReadTarOptions {
  readonly visit: Visit;
  /** Told of every piece that came out of the decompressor; throws where that is too much. */
  readonly count: (bytes: number) => void;
  readonly signal: AbortSignal;
}

const kinds: Readonly<Record<string, Entry['kind']>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
};
const others: Readonly<Record<string, string>> = {
  CharacterDevice: 'a device',
  BlockDevice: 'a device',
  FIFO: 'a FIFO',
  SparseFile: 'a sparse file',
};

/** Every entry of a gzipped tar, in order; what the decompressor yields is counted before it is looked at. */
export async function readTar(file: string, { visit, count, signal }: ReadTarOptions): Promise<void> {
  const feed = new Feed(visit);
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of pieces(gunzip)) {
      signal.throwIfAborted();
      count(chunk.byteLength);
      await feed.write(chunk);
    }
    await feed.end();
  } catch (error) {
    throw unreadable(error);
  } finally {
    source.destroy();
    gunzip.destroy();
    await feed.settled();
  }
}

const pieces = (stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> => stream;

/** tar's parser, asked one piece at a time, so that no more than a piece is ever waiting in memory. */
class Feed {
  readonly #parser = new Parser({ strict: true, zstd: false });
  readonly #visits = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #isFirst = true;
  #isOver = false;

  constructor(visit: Visit) {
    this.#parser.on('error', (error: unknown) => this.#fail(error));
    // What the parser would pass over in silence would be missing later.
    this.#parser.on('ignoredEntry', (entry: ReadEntry) => this.#take(entry, visit));
    this.#parser.on('entry', (entry: ReadEntry) => this.#take(entry, visit));
    this.#parser.on('eof', () => {
      this.#isOver = true;
    });
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#isOver) return;
    if (this.#isFirst) refuseNestedCompression(chunk);
    this.#isFirst = false;
    const mayGoOn = this.#parser.write(chunk);
    this.#throwFailure();
    if (!mayGoOn && !this.#isOver) await once(this.#parser, 'drain').catch(() => undefined);
    this.#throwFailure();
  }

  async end(): Promise<void> {
    const ended = once(this.#parser, 'end').catch(() => undefined);
    this.#parser.end();
    this.#throwFailure();
    await ended;
    await this.settled();
    this.#throwFailure();
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#visits);
  }

  #take(entry: ReadEntry, visit: Visit): void {
    const visiting = this.#failure ? undefined : this.#visit(entry, visit);
    if (visiting === undefined) {
      entry.resume();
      return;
    }
    const done = visiting
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#visits.delete(done));
    this.#visits.add(done);
  }

  #visit(entry: ReadEntry, visit: Visit): Promise<void> | undefined {
    try {
      return visit(describe(entry), bodyOf(entry));
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Ends the parser too, so that nobody waits for it to drain. */
  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#parser.abort(error instanceof Error ? error : new Error(String(error)));
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

/** The parser would unpack a second layer by itself, uncounted. */
function refuseNestedCompression(chunk: Buffer): void {
  if (chunk[0] === 0x1f && chunk[1] === 0x8b) {
    throw unusablePackage('The package is compressed twice; compress the .tar once.');
  }
}

function describe(entry: ReadEntry): Entry {
  const { path: name, type, size, mode = 0o644, linkpath } = entry;
  const kind = kinds[type] ?? 'other';
  return {
    name,
    kind,
    size,
    isExecutable: (mode & 0o111) !== 0,
    ...(linkpath === undefined ? {} : { target: linkpath }),
    ...(kind === 'other' ? { what: others[type] ?? `of the kind ${type}` } : {}),
  };
}

async function* bodyOf(entry: ReadEntry): AsyncGenerator<Uint8Array> {
  for await (const chunk of entry) yield chunk;
}

function unreadable(error: unknown): unknown {
  if (error instanceof Problem || !(error instanceof Error) || error.name === 'AbortError') return error;
  const code = systemCode(error);
  if (code !== '' && !code.startsWith('Z_') && !code.startsWith('TAR_')) return error;
  return unusablePackage(
    `The package is not a whole .tar.gz file (${error.message}); build or upload it again.`,
    error,
  );
}
