import { closeSync, openSync, readSync, readdirSync, readlinkSync } from 'node:fs';

export interface Listener {
  /** As the kernel writes it: hex, in host byte order. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

const LISTEN = '0A';
const CHUNK_BYTES = 64 * 1024;

/** The kernel lists listening sockets first, so a proxy's ten thousand connections are never read. */
function listenersIn(path: string): Listener[] {
  const found: Listener[] = [];
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return found;
  }
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let pending = '';
    for (let count = readSync(file, chunk); count > 0; count = readSync(file, chunk)) {
      const lines = (pending + chunk.toString('latin1', 0, count)).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const [index, local, , state, , , , , , inode] = line.trim().split(/\s+/);
        if (!index?.endsWith(':') || !local || !inode) continue;
        if (state !== LISTEN) return found;
        const [address = '', port = ''] = local.split(':');
        found.push({ address, port: parseInt(port, 16), inode });
      }
    }
    return found;
  } finally {
    closeSync(file);
  }
}

export const listeners = (): Listener[] => [
  ...listenersIn('/proc/net/tcp'),
  ...listenersIn('/proc/net/tcp6'),
];

/** Absent: at least one of the processes does not let itself be looked at. */
export function socketsOf(pids: readonly number[]): ReadonlySet<string> | undefined {
  const inodes = new Set<string>();
  for (const pid of pids) {
    let names: string[];
    try {
      names = readdirSync(`/proc/${pid}/fd`);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      return undefined;
    }
    for (const name of names) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Why PORT does not answer although the application lives; absent when it simply does not listen yet. */
export function listensElsewhere(pids: readonly number[], port: number): string | undefined {
  const sockets = socketsOf(pids);
  if (!sockets) return undefined;
  const own = listeners().filter((listener) => sockets.has(listener.inode));
  if (own.length === 0) return undefined;
  if (own.some((listener) => listener.port === port)) {
    return `listens on PORT (${port}), but not on 127.0.0.1`;
  }
  const ports = [...new Set(own.map((listener) => listener.port))].toSorted((a, b) => a - b);
  return `listens on ${ports.join(', ')}, not on PORT (${port})`;
}

/** Another program answers on the replica's port. False also where it cannot be told. */
export function isStrangers(pids: readonly number[], port: number): boolean {
  const holders = listeners().filter((listener) => listener.port === port);
  const sockets = holders.length > 0 ? socketsOf(pids) : undefined;
  return sockets !== undefined && !holders.some((holder) => sockets.has(holder.inode));
}
