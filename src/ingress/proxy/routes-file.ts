import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RouteTable } from '../../domain/routes.ts';
import { readInteger, readRecord, readTable, readText } from './shapes.ts';

/** What a proxy needs to serve again as before, without anybody's help. */
export interface Kept {
  readonly port: number;
  readonly boot: string;
  readonly publisher: string;
  readonly table: RouteTable;
}

const FORMAT = 1;

export async function readKept(file: string): Promise<Kept | undefined> {
  let text: string;
  try {
    text = await readOwn(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const kept = readRecord(JSON.parse(text), 'file');
  readInteger(kept['format'], 'format', FORMAT);
  return {
    port: readInteger(kept['port'], 'port', 65535),
    boot: readText(kept['boot'], 'boot'),
    publisher: readText(kept['publisher'], 'publisher'),
    table: readTable(kept['table']),
  };
}

/** Read while we may be root, in a directory that a user may write: no link is followed, and nothing is waited for. */
async function readOwn(file: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Error('it is no file');
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * The file is the old one or the new one at every instant, power loss included. Only where the disk is full it is
 * written over: a replica that is to end must be forgotten, since its end may be what frees the disk.
 */
export async function writeKept(file: string, kept: Kept): Promise<void> {
  const content = JSON.stringify({ format: FORMAT, ...kept });
  const next = `${file}.next`;
  try {
    await writeFlushed(next, content);
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    if (!(await overwrite(file, content))) throw error;
    return;
  }
  const directory = await open(dirname(file), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeFlushed(file: string, content: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Of which `blocks` counts. */
const BLOCK_BYTES = 512;

/** In the blocks that the file has already. False: there is no such file, or the content does not fit. */
async function overwrite(file: string, content: string): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW);
    const { size, blocks } = await handle.stat();
    const bytes = Buffer.from(content);
    if (bytes.length > blocks * BLOCK_BYTES) return false;
    // Blanks after it mean nothing in JSON.
    const whole = Buffer.concat([bytes, Buffer.alloc(Math.max(0, size - bytes.length), ' ')]);
    const { bytesWritten } = await handle.write(whole, 0, whole.length, 0);
    await handle.datasync();
    return bytesWritten === whole.length;
  } catch {
    return false;
  } finally {
    await handle?.close();
  }
}
