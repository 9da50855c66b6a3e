import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open as openFile, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { DiskBudget } from '../domain/disk-budget.ts';
import { diskFault, systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { digest as digestOf } from '../domain/ids.ts';
import type { Digest } from '../domain/ids.ts';

export interface PutOptions {
  /** A byte more is a Problem of code `tooLarge`. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** What the bytes must hash to; otherwise nothing is kept. */
  readonly expect?: Digest;
}

export interface Kept {
  readonly digest: Digest;
  readonly size: number;
}

export interface KeptFile extends Kept {
  /** When it was last put, in milliseconds since 1970: a collector leaves the young alone, no release may name them yet. */
  readonly putAt: number;
}

const TEMPORARY = 'artifact-';
const DIGEST = /^[0-9a-f]{64}$/;

/** Packages by SHA-256: what was kept under a digest never changes. */
export class ArtifactStore {
  readonly #directory: string;
  readonly #temporary: string;
  readonly #open: typeof openFile;
  readonly #budget: DiskBudget;

  /** `open` is a seam for faults of the disk. */
  constructor(
    dataDir: string,
    {
      open = openFile,
      budget = new DiskBudget(),
    }: { readonly open?: typeof openFile; readonly budget?: DiskBudget } = {},
  ) {
    this.#budget = budget;
    this.#directory = join(dataDir, 'artifacts', 'sha256');
    this.#temporary = join(dataDir, 'tmp');
    this.#open = open;
  }

  /** Streams to disk, hashing on the way; durable when it returns. A stream that fails leaves nothing and its error is thrown on. */
  async put(source: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Kept> {
    options.signal?.throwIfAborted();
    // Before anything is received; how much it is, only the end tells.
    await this.#budget.admit(1, 'another package');
    const temporary = join(this.#temporary, TEMPORARY + randomUUID());
    try {
      await this.#prepare(this.#temporary);
      const kept = await this.#receive(source, temporary, options);
      if (options.expect !== undefined && options.expect !== kept.digest)
        throw digestDiffers(kept, options.expect);
      const isKnown = await this.has(kept.digest);
      if (!isKnown) await this.#budget.admit(kept.size, 'the package');
      await onDisk(() => this.#publish(temporary, kept.digest));
      if (!isKnown) this.#budget.count(kept.size);
      return kept;
    } catch (error) {
      await rm(temporary, { force: true });
      options.signal?.throwIfAborted();
      throw error;
    }
  }

  async #receive(source: AsyncIterable<Uint8Array>, temporary: string, options: PutOptions): Promise<Kept> {
    const file = await onDisk(() => this.#open(temporary, 'wx', 0o600));
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of iterate(source, options.signal)) {
        size += chunk.byteLength;
        if (size > options.maxBytes) throw tooLarge(options.maxBytes);
        hash.update(chunk);
        await onDisk(() => writeAll(file, chunk));
      }
      await onDisk(() => file.sync());
      return { digest: digestOf(hash.digest('hex')), size };
    } finally {
      await file.close();
    }
  }

  async #publish(temporary: string, digest: Digest): Promise<void> {
    const place = this.path(digest);
    await this.#prepare(dirname(place));
    await rename(temporary, place);
    await syncDirectory(dirname(place));
  }

  /** Applications run as other users and must not read each other's packages. */
  async #prepare(directory: string): Promise<void> {
    const first = await mkdir(directory, {
      recursive: true,
      mode: directory === this.#temporary ? 0o711 : 0o700,
    });
    if (first !== undefined) await syncDirectory(dirname(first));
  }

  path(digest: Digest): string {
    if (!DIGEST.test(digest)) throw new TypeError(`"${digest}" is not a SHA-256 digest in lower-case hex.`);
    return join(this.#directory, digest.slice(0, 2), digest);
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      return (await stat(this.path(digest))).isFile();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw diskFault(error, 'looking for a package');
    }
  }

  async open(digest: Digest): Promise<Readable> {
    try {
      const file = await this.#open(this.path(digest), 'r');
      return file.createReadStream();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw gone(digest);
      throw diskFault(error, 'opening a package');
    }
  }

  /** Already gone is as good. */
  async remove(digest: Digest): Promise<void> {
    const found = await stat(this.path(digest)).catch(() => undefined);
    await rm(this.path(digest), { force: true });
    this.#budget.count(-(found?.size ?? 0));
  }

  async list(): Promise<readonly KeptFile[]> {
    const files: KeptFile[] = [];
    for (const prefix of await namesIn(this.#directory)) {
      for (const name of await namesIn(join(this.#directory, prefix))) {
        if (!DIGEST.test(name)) continue;
        const digest = digestOf(name);
        const found = await stat(this.path(digest)).catch(() => undefined);
        if (found?.isFile()) files.push({ digest, size: found.size, putAt: found.mtimeMs });
      }
    }
    return files;
  }

  /** At start, when no other run of the platform can be writing: what a dead one left half-received. */
  async removeLeftovers(): Promise<void> {
    for (const name of await namesIn(this.#temporary)) {
      if (name.startsWith(TEMPORARY)) await rm(join(this.#temporary, name), { force: true });
    }
  }
}

const tooLarge = (maxBytes: number) =>
  new Problem(
    'tooLarge',
    `The package is larger than the limit of ${maxBytes} bytes; make it smaller, or let the operator raise OPENSTAGE_MAX_PACKAGE_MIB.`,
  );

const digestDiffers = (kept: Kept, expected: Digest) =>
  new Problem(
    'artifactUnavailable',
    `The package's SHA-256 is ${kept.digest} (${kept.size} bytes), expected ${expected}; it was changed or damaged on the way: correct the digest or the package.`,
  );

const gone = (digest: Digest) =>
  new Problem(
    'artifactUnavailable',
    `The package ${digest} is not in the artifact store any more; deploy it again from its address.`,
  );

/** Leaves a stream open when reading stops early, so that a server can still answer the request it reads from. */
function iterate(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  if (!(source instanceof Readable)) return source;
  if (signal) addAbortSignal(signal, source);
  return source.iterator({ destroyOnReturn: false });
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength;) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskFault(error, 'a package was being stored');
  }
}

/** A rename is durable only once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await openFile(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw diskFault(error, 'listing packages');
  }
}
