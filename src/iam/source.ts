import { readFile } from 'node:fs/promises';
import ipaddr from 'ipaddr.js';

/** Where a request comes from, as failures are counted. */
export interface Source {
  /** Addresses that one party has all of are one: all of loopback, and an IPv6 /64. */
  readonly network: string;
  /** The network; where that is this very host, the user whose process it is, since others of the host share the network. */
  party(): Promise<string>;
}

/** The two ends of a connection, as the kernel names them. */
export interface Ends {
  readonly address: string;
  readonly port: number;
  readonly ownAddress: string;
  readonly ownPort: number;
}

const HOST = 'this host';
const NETWORK_BITS = 64;

export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.range() === 'loopback') return HOST;
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const network = parsed.toByteArray().slice(0, NETWORK_BITS / 8);
  return `${ipaddr.fromByteArray([...network, ...Array<number>(8).fill(0)]).toString()}/${NETWORK_BITS}`;
}

export function sourceOf(address: string, ends: () => Ends | undefined): Source {
  const network = networkOf(address);
  return {
    network,
    async party() {
      const between = network === HOST ? ends() : undefined;
      const user = between && (await userOf(between));
      return user === undefined ? network : `${network}, user ${user}`;
    },
  };
}

/** Of an address of loopback, as /proc writes it: words of 32 bits, each in the machine's order. */
function kernelText(address: string, family: 4 | 6): string | undefined {
  const parsed = ipaddr.process(address);
  if (family === 4 && parsed.kind() === 'ipv6') return undefined;
  const bytes = family === 4 ? parsed.toByteArray() : ipaddr.parse(mapped(address)).toByteArray();
  const words = Array.from({ length: bytes.length / 4 }, (_, at) =>
    bytes.slice(at * 4, at * 4 + 4).toReversed(),
  );
  return words
    .flat()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

function mapped(address: string): string {
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4' ? `::ffff:${parsed.toString()}` : parsed.toString();
}

const ESTABLISHED = '01';

/** Whose socket the other end is. One that was left already is nobody's. */
async function userOf(ends: Ends): Promise<string | undefined> {
  for (const [family, file] of [
    [4, '/proc/net/tcp'],
    [6, '/proc/net/tcp6'],
  ] as const) {
    const from = kernelText(ends.address, family);
    const to = kernelText(ends.ownAddress, family);
    if (from === undefined || to === undefined) continue;
    const table = await readFile(file, 'latin1').catch(() => '');
    const row = `${from}:${hexPort(ends.port)} ${to}:${hexPort(ends.ownPort)} ${ESTABLISHED} `;
    const at = table.indexOf(row);
    if (at === -1) continue;
    // Behind the state: two queues, a timer, retransmissions, and the user.
    return table
      .slice(at + row.length, at + row.length + 80)
      .trim()
      .split(/\s+/)[3];
  }
  return undefined;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
