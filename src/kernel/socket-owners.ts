import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { findListeners, mappedEnd } from '../domain/listeners.ts';
import type { SocketRow } from '../domain/listeners.ts';
import type { Target } from '../domain/routes.ts';
import { findConnection, SocketTables } from './socket-table.ts';
import type { SocketTable } from './socket-table.ts';

/**
 * Whose socket answers? A port is anybody's as soon as the application that listened on it is gone, so before the first
 * byte leaves on a new connection the kernel is asked for the owner of the listener.
 *
 * - A connection is the application's when one and the same socket (by inode) of its user listened before we connected
 *   and listens after. Between two looks at different sockets a stranger's may have come and gone.
 * - While a socket listens on 127.0.0.1 or 0.0.0.0, no socket of another user can listen on the same port for the same
 *   address: the kernel refuses it at bind or at listen. SO_REUSEADDR does not help against a socket that listens, and
 *   SO_REUSEPORT joins sockets of one user only. A more exact address (127.0.0.1 beside 0.0.0.0) is a conflict, too.
 * - "::" takes IPv4 as well, unless it is for IPv6 alone; then a stranger may listen beside it, and no row tells
 *   the one from the other. So once for each such socket our connection is looked up in the table of all: its other
 *   end stands among the sockets of IPv6 and has the user of the socket that took it.
 * - The row of a connection that no process has accepted yet names the listener's user since Linux 6.17, and 0 before;
 *   then it is looked at again. The rows of listeners name their user on every kernel, and a socket that was inherited
 *   over fork is the same socket. Numbers of inodes come again after 2^32 sockets: not between two looks.
 * - A socket that is bound but does not listen can still take a connection by connecting to where ours comes from;
 *   that is why ours comes from where nobody can foresee (source-address.ts).
 */
export class SocketOwners {
  readonly #tables = new SocketTables();
  #looking: Promise<SocketTable> | undefined;
  #next: Promise<SocketTable> | undefined;

  /** Whether the connection, which stands, is to the target's user; `known` is what this listened on when it was opened. */
  async isOf(socket: Socket, target: Target, user: number, known: Known): Promise<boolean> {
    const before = known.inodes;
    let found = this.#find(this.#tables.readQuickly(), target, user);
    if (found.length === 0 || (before.length > 0 && !isIn(found, before))) {
      found = this.#find(await this.#lookAtAll(), target, user);
    }
    const isSame = isIn(found, before);
    known.inodes = found.map(({ inode }) => inode);
    if (!isSame) return false;
    const same = found.filter(({ inode }) => before.includes(inode));
    if (same.some(({ inode, isCertain }) => isCertain || known.proven.includes(inode))) return true;
    if (!(await hasTaken(socket, target, user))) return false;
    known.proven = same.map(({ inode }) => inode);
    return true;
  }

  #find(table: SocketTable | undefined, { host, port }: Target, user: number): Found[] {
    if (table === undefined) return [];
    const { certain, possible } = findListeners(table, host, port);
    const own = (rows: readonly SocketRow[], isCertain: boolean) =>
      rows.filter((row) => row.user === user).map(({ inode }) => ({ inode, isCertain }));
    return [...own(certain, true), ...own(possible, false)];
  }

  /** One look serves all who came before it began. */
  #lookAtAll(): Promise<SocketTable> {
    this.#next ??= (this.#looking ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#looking = this.#tables.readAll();
        return this.#looking;
      });
    return this.#next;
  }
}

/** What is known of the sockets on which a replica listens. */
export interface Known {
  /** Those of its user at the last look. */
  inodes: readonly number[];
  /** Those of "::" that were seen to take IPv4. */
  proven: readonly number[];
}

interface Found {
  readonly inode: number;
  readonly isCertain: boolean;
}

const isIn = (found: readonly Found[], before: readonly number[]): boolean =>
  found.some(({ inode }) => before.includes(inode));

const LOOK_AGAIN_MS = 10;
/** An application accepts when it comes to it; what is not there at all will not come. */
const MOST_LOOKS = { unaccepted: 300, missing: 3 };

async function hasTaken(socket: Socket, { host, port }: Target, user: number): Promise<boolean> {
  const { localAddress = '', localPort = 0 } = socket;
  const ends = [mappedEnd(host, port), mappedEnd(localAddress, localPort)] as const;
  for (let looks = 1; !socket.destroyed; looks++) {
    const row = await findConnection(...ends);
    if (row?.user === user) return true;
    // Before Linux 6.17 what nobody has accepted is nobody's.
    const isUnaccepted = row !== undefined && row.inode === 0 && row.user === 0;
    if (row !== undefined && !isUnaccepted) return false;
    if (looks >= (isUnaccepted ? MOST_LOOKS.unaccepted : MOST_LOOKS.missing)) return false;
    await setTimeout(LOOK_AGAIN_MS);
  }
  return false;
}
