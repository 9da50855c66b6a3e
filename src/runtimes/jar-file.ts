import type { FileHandle } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { fromBufferPromise, fromFdPromise, openPromise, type Entry, type ZipFile } from 'yauzl';
import type { Problem } from '../domain/errors.ts';
import { unusable } from './package-content.ts';

/** More than this is neither a manifest nor a class that names an API. */
const ENTRY_BYTES_MOST = 64 * 1024 * 1024;

export interface JarEntry {
  readonly name: string;
  readonly read: () => Promise<Buffer>;
}

/** An archive: on the host by its path, of a package by a file that was opened there, or in memory. */
export type Archive = string | FileHandle | Buffer;

/** The files of a .jar or .war, in the archive's order; a Problem where it is not one. */
export async function* entriesOf(file: Archive, name: string): AsyncGenerator<JarEntry> {
  let archive: ZipFile | undefined;
  try {
    archive = await opened(file);
    for await (const entry of archive.eachEntry()) {
      if (!entry.fileName.endsWith('/')) {
        const { fileName } = entry;
        const from = archive;
        yield { name: fileName, read: () => read(from, entry, name) };
      }
    }
  } catch (error) {
    throw unreadable(name, error);
  } finally {
    // What was opened by its path; whoever gave a file closes it.
    if (typeof file === 'string') archive?.close();
  }
}

function opened(file: Archive): Promise<ZipFile> {
  const options = { autoClose: false };
  if (typeof file === 'string') return openPromise(file, options);
  return Buffer.isBuffer(file) ? fromBufferPromise(file, options) : fromFdPromise(file.fd, options);
}

async function read(archive: ZipFile, entry: Entry, name: string): Promise<Buffer> {
  if (entry.uncompressedSize > ENTRY_BYTES_MOST) {
    throw unusable(
      `${name} holds ${entry.fileName} with ${entry.uncompressedSize} bytes; expected at most ${ENTRY_BYTES_MOST}.`,
    );
  }
  try {
    return await buffer(await archive.openReadStreamPromise(entry));
  } catch (error) {
    throw unreadable(name, error);
  }
}

const unreadable = (name: string, error: unknown): Problem =>
  unusable(
    `${name} is not a readable archive (${error instanceof Error ? error.message : 'unknown reason'}); build it again and upload it again.`,
  );

export async function readEntry(file: Archive, name: string, wanted: string): Promise<string | undefined> {
  for await (const entry of entriesOf(file, name)) {
    if (entry.name === wanted) return (await entry.read()).toString('utf8');
  }
  return undefined;
}

/** The class that `java -jar` starts. */
export async function mainClassOf(file: Archive, name: string): Promise<string | undefined> {
  const manifest = await readEntry(file, name, 'META-INF/MANIFEST.MF');
  // A line that begins with a space continues the one before.
  const unfolded = manifest?.replace(/\r?\n /g, '');
  return /^Main-Class:\s*(\S+)\s*$/im.exec(unfolded ?? '')?.[1];
}

export async function hasEntryBelow(file: Archive, name: string, directory: string): Promise<boolean> {
  for await (const entry of entriesOf(file, name)) if (entry.name.startsWith(directory)) return true;
  return false;
}
