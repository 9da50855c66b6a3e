/** A TCP socket as a row of /proc/net/tcp or /proc/net/tcp6 shows it. */
export interface SocketRow {
  /** Address and port in hexadecimal, as the kernel writes them. */
  readonly local: string;
  readonly remote: string;
  readonly isListening: boolean;
  readonly user: number;
  /** 0: no process has accepted it yet. */
  readonly inode: number;
}

const LISTENING = '0A';

/** Nothing for the line of titles and for a line that was cut. */
export function readSocketRow(line: string): SocketRow | undefined {
  const [, local, remote, state, , , , user, , inode] = line.trim().split(/ +/);
  if (local === undefined || remote === undefined || inode === undefined) return undefined;
  const [uid, number] = [Number(user), Number(inode)];
  if (!Number.isInteger(uid) || !Number.isInteger(number)) return undefined;
  return { local, remote, isListening: state === LISTENING, user: uid, inode: number };
}

const ANY_V6 = '0'.repeat(32);
const MAPPED = '0000000000000000FFFF0000';

/** "0100007F" for 127.0.0.1: the four bytes as a number of a little-endian machine. */
export const hexOfIpv4 = (address: string): string =>
  address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .toReversed()
    .join('')
    .toUpperCase();

const hexOfPort = (port: number): string => port.toString(16).padStart(4, '0').toUpperCase();

/** How one end of an IPv4 connection stands in the table of a socket of IPv6. */
export const mappedEnd = (address: string, port: number): string =>
  `${MAPPED}${hexOfIpv4(address)}:${hexOfPort(port)}`;

export interface Listeners {
  /** Sockets that take every IPv4 connection to the address and port, by inode and user. */
  readonly certain: readonly SocketRow[];
  /** Sockets of "::" may be for IPv6 alone, which no row tells. */
  readonly possible: readonly SocketRow[];
}

/** Who may answer a connection to an IPv4 address and port, out of the text of both tables. */
export function findListeners(
  { tcp, tcp6 }: { readonly tcp: string; readonly tcp6: string },
  address: string,
  port: number,
): Listeners {
  const hex = hexOfPort(port);
  const own = hexOfIpv4(address);
  return {
    certain: [
      ...listening(tcp, `${own}:${hex} `),
      ...listening(tcp, `00000000:${hex} `),
      ...listening(tcp6, `${MAPPED}${own}:${hex} `),
    ],
    possible: listening(tcp6, `${ANY_V6}:${hex} `),
  };
}

/** Only lines that hold the place are taken apart: there may be hundreds of others. */
function listening(text: string, place: string): SocketRow[] {
  const found: SocketRow[] = [];
  for (let at = text.indexOf(place); at >= 0; at = text.indexOf(place, at + 1)) {
    const end = text.indexOf('\n', at);
    if (end < 0) break;
    const row = readSocketRow(text.slice(text.lastIndexOf('\n', at) + 1, end));
    if (row?.isListening === true && `${row.local} ` === place) found.push(row);
  }
  return found;
}
