import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { endianness } from 'node:os';

export interface Listener {
  /** As the kernel writes it: hex, in host byte order. */
  readonly address: string;
  readonly port: number;
  readonly user: number;
  readonly inode: string;
}

const LISTEN = '0A';
const CHUNK_BYTES = 64 * 1024;
/** Some twenty thousand listeners; where there are more, nobody can be told apart. */
const MOST_CHUNKS = 48;

/** The kernel lists listening sockets first, so a proxy's ten thousand connections are never read. */
async function listenersIn(path: string): Promise<readonly Listener[]> {
  const found: Listener[] = [];
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return found;
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let pending = '';
    for (let chunks = 0; chunks < MOST_CHUNKS; chunks += 1) {
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) break;
      const lines = (pending + chunk.toString('latin1', 0, bytesRead)).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const [index, local, , state, , , , user, , inode] = line.trim().split(/\s+/);
        if (!index?.endsWith(':') || !local || !inode) continue;
        if (state !== LISTEN) return found;
        const [address = '', port = ''] = local.split(':');
        found.push({ address, port: parseInt(port, 16), user: Number(user), inode });
      }
    }
    return found;
  } catch {
    return found;
  } finally {
    await file.close().catch(() => {});
  }
}

/** Whoever asks while one look is made shares the next: what a look shows was so after it was asked for. */
let looking: Promise<readonly Listener[]> | undefined;
let next: Promise<readonly Listener[]> | undefined;

export function listeners(): Promise<readonly Listener[]> {
  if (looking === undefined) return (looking = look());
  return (next ??= looking.then(() => {
    next = undefined;
    return (looking = look());
  }));
}

async function look(): Promise<readonly Listener[]> {
  try {
    const lists = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(listenersIn));
    return lists.flat();
  } finally {
    // Only the last one that was begun is the present one; a successor has put itself there already.
    if (next === undefined) looking = undefined;
  }
}

/** ", 9990 of them by user 65012"; empty where none of them is listened on. Numbers, no names: it is told to whoever asked. */
export function describeHolders(all: readonly Listener[], low: number, high: number): string {
  const within = all.filter(({ port }) => port >= low && port <= high);
  const [most] = [...Map.groupBy(within, ({ user }) => user)].toSorted(([, a], [, b]) => b.length - a.length);
  return most ? `, ${most[1].length} of them by user ${most[0]}` : '';
}

/** How much of an application may be looked at, at once and in all. */
export interface LookBounds {
  readonly perTurn: number;
  readonly descriptors: number;
}
export const LOOK_BOUNDS: LookBounds = { perTurn: 100, descriptors: 5_000 };
export const NO_BOUNDS: LookBounds = { perTurn: Infinity, descriptors: Infinity };

/** Whose listeners are asked for. */
export interface Listening {
  /** The application's own user, which its sockets tell; absent: the platform's, whose sockets tell nothing. */
  readonly user: number | undefined;
  readonly pids: () => Promise<readonly number[]>;
  /** The port that the supervisor gave to another replica, which may be of the same user. */
  readonly isAnothers: (port: number) => boolean;
  readonly bounds: LookBounds;
}

/** Absent: it cannot be told, or only by looking at too much. */
async function own(listening: Listening, all: readonly Listener[]): Promise<readonly Listener[] | undefined> {
  const { user, isAnothers } = listening;
  if (user !== undefined) return all.filter((each) => each.user === user && !isAnothers(each.port));
  if (all.length === 0) return [];
  const sockets = await socketsOf(await listening.pids(), listening.bounds);
  return sockets && all.filter(({ inode }) => sockets.has(inode));
}

/** Absent: at least one of the processes does not let itself be looked at, or there are too many descriptors. */
async function socketsOf(
  pids: readonly number[],
  { perTurn, descriptors }: LookBounds,
): Promise<ReadonlySet<string> | undefined> {
  const inodes = new Set<string>();
  let seen = 0;
  for (const pid of pids) {
    const count = sizeOf(pid);
    if (count === undefined) continue;
    if (seen + count > descriptors) return undefined;
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
      seen += 1;
      // Calls of others are answered meanwhile.
      if (seen % perTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return inodes;
}

/** How many descriptors a process has open; 0 where the kernel does not tell before they are listed. */
const sizeOf = (pid: number): number | undefined =>
  statSync(`/proc/${pid}/fd`, { throwIfNoEntry: false })?.size;

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Why PORT does not answer although the application lives; absent when it simply does not listen yet. */
export async function listensElsewhere(listening: Listening, port: number): Promise<string | undefined> {
  const found = await own(listening, await listeners());
  if (!found || found.length === 0) return undefined;
  if (found.some((listener) => listener.port === port)) {
    return `listens on PORT (${port}), but not on 127.0.0.1`;
  }
  const ports = [...new Set(found.map((listener) => listener.port))].toSorted((a, b) => a - b);
  return `listens on ${listed(ports)}, not on PORT (${port})`;
}

/** Words of four bytes, each in host byte order: 127.0.0.0/8, ::1, and the former by IPv6. */
const LOOPBACK_HEX = [
  endianness() === 'LE' ? /^[0-9A-F]{6}7F$/ : /^7F[0-9A-F]{6}$/,
  endianness() === 'LE' ? /^0{16}FFFF0000[0-9A-F]{6}7F$/ : /^0{20}FFFF7F[0-9A-F]{6}$/,
  endianness() === 'LE' ? /^0{24}01000000$/ : /^0{31}1$/,
];

/** Others than this host may come to it. */
export const isBeyondLoopback = (address: string): boolean =>
  !LOOPBACK_HEX.some((form) => form.test(address));

const MOST_LISTED = 8;
export const listed = (ports: readonly number[]): string =>
  ports.length > MOST_LISTED
    ? `${ports.slice(0, MOST_LISTED).join(', ')} and ${ports.length - MOST_LISTED} more`
    : ports.join(', ');

/** Another program answers on the replica's port. False also where it cannot be told. */
export async function isStrangers(listening: Listening, port: number): Promise<boolean> {
  const all = await listeners();
  const holders = all.filter((listener) => listener.port === port);
  const found = holders.length > 0 ? await own(listening, holders) : undefined;
  return found !== undefined && found.length === 0;
}
