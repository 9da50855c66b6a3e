import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { textFromCut } from '../../../domain/text-end.ts';

export const olderPart = (path: string): string => `${path}.1`;

export const openLog = (path: string): number => openSync(path, 'a', 0o600);

export function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

const BLOCK_BYTES = 512;

/** An application may take blocks behind the end of its log, and make it longer than what it takes. */
export const takenOnDisk = (path: string): number =>
  (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES;

/** Gives back blocks that were taken behind the end; a line that is written in this moment is lost. */
export async function giveBack(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.truncate((await file.stat()).size);
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Copies the newest `maxBytes` away and empties the file: the application keeps its descriptor, which appends.
 * What it writes between the two is lost. Others have their turn between the pieces. Where it made its log longer
 * without writing, the newest bytes are those before `known`, its length of before.
 */
export async function rotate(path: string, maxBytes: number, known = 0): Promise<void> {
  const next = `${olderPart(path)}.next`;
  const from = await open(path, 'r+');
  try {
    const to = await open(next, 'w', 0o600);
    try {
      await copyEnd(from, to, maxBytes, known);
    } finally {
      await to.close();
    }
    await from.truncate(0);
  } finally {
    await from.close();
  }
  await rename(next, olderPart(path));
}

/** The application writes on meanwhile: the bound ends a race that it could win. */
async function copyEnd(from: FileHandle, to: FileHandle, maxBytes: number, known: number): Promise<void> {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, maxBytes));
  const { size } = await from.stat();
  const last = await from.read(chunk, 0, chunk.length, Math.max(0, size - chunk.length));
  const isWritten = chunk.subarray(0, last.bytesRead).some((byte) => byte !== 0);
  const end = isWritten ? size : Math.min(size, known);
  let at = Math.max(0, end - maxBytes);
  for (let left = isWritten ? maxBytes : end - at; left > 0;) {
    const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, left), at);
    if (bytesRead === 0) return;
    await to.write(chunk, 0, bytesRead);
    at += bytesRead;
    left -= bytesRead;
  }
}

/** No answer to `tail` is larger. */
const MAX_TAIL_BYTES = 1024 * 1024;
/** A longer line is cut: it is read by people and stored with jobs. */
export const MAX_LINE_CHARACTERS = 16 * 1024;

/** The last lines over both parts, oldest first, and where the newest part ended. */
export function tail(
  path: string,
  count: number,
): { readonly lines: readonly string[]; readonly end: number } {
  const newest = readEnd(path, MAX_TAIL_BYTES);
  let text = newest.text;
  if (text.split('\n').length <= count) text = readEnd(olderPart(path), MAX_TAIL_BYTES).text + text;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { lines: count > 0 ? lines.slice(-count).map(cut) : [], end: newest.end };
}

/** What was written from `from` on, at most so many bytes; starts over where the file was emptied. */
export function readFrom(
  file: number,
  from: number,
  maxBytes: number,
): { readonly bytes: Buffer; readonly end: number } {
  const size = fstatSync(file).size;
  const start = size < from ? 0 : from;
  const bytes = Buffer.alloc(Math.min(size - start, maxBytes));
  const count = readSync(file, bytes, 0, bytes.length, start);
  return { bytes: bytes.subarray(0, count), end: start + count };
}

export const cut = (line: string): string =>
  line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}…` : line;

function readEnd(path: string, maxBytes: number): { readonly text: string; readonly end: number } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return { text: '', end: 0 };
  }
  try {
    const start = Math.max(0, fstatSync(file).size - maxBytes);
    const { bytes, end } = readFrom(file, start, maxBytes);
    const text = start > 0 ? textFromCut(bytes) : bytes.toString('utf8');
    return { text: start > 0 ? text.slice(text.indexOf('\n') + 1) : text, end };
  } finally {
    closeSync(file);
  }
}
