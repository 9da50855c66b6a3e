import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
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

/** The file is the old one or the new one at every instant, power loss included. */
export async function writeKept(file: string, kept: Kept): Promise<void> {
  const next = `${file}.next`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ format: FORMAT, ...kept }));
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  const directory = await open(dirname(file), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
