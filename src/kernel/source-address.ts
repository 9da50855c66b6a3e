import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Enough for 512 connections. */
const POOL_BYTES = 4096;
const BYTES_EACH = 8;
/** Where the kernel itself takes ports up to the end, there are none left for us to choose. */
const FEWEST_PORTS = 1000;
const LAST_PORT = 65_535;

/** Where a connection to an application comes from; without a port the kernel chooses it. */
export interface Source {
  readonly localAddress: string;
  readonly localPort?: number;
}

/**
 * A new address and port of the loopback network for every connection, which nobody can foresee.
 *
 * A socket that is bound to a port before the application listens there (both with SO_REUSEADDR) may stay bound, and
 * connect from that port. Where it connects to the very address and port from which we are about to come, the kernel
 * joins the two connects (a simultaneous open), and the listener, which is there all the time, never sees ours. Out of
 * 28,000 ports of one address a stranger can guess; out of 2^36 places not.
 *
 * Ports are taken above those that the kernel gives to programs that name none: a port that was bound is not given to
 * these, and a thousand connections of ours would leave applications without.
 */
export class SourceAddresses {
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #at = POOL_BYTES;
  readonly #firstPort: number | undefined;

  constructor(portRange = readPortRange()) {
    const above = (portRange ?? LAST_PORT) + 1;
    this.#firstPort = LAST_PORT + 1 - above >= FEWEST_PORTS ? above : undefined;
  }

  next(): Source {
    if (this.#at >= POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += BYTES_EACH;
    const localAddress = this.#address(at);
    if (this.#firstPort === undefined) return { localAddress };
    const ports = LAST_PORT + 1 - this.#firstPort;
    return { localAddress, localPort: this.#firstPort + (this.#pool.readUInt32LE(at + 4) % ports) };
  }

  /** Not 127.0.0.x, which people give to services of their own; never a network's first or last. */
  #address(at: number): string {
    const byte = (offset: number, most: number) => String(1 + ((this.#pool[at + offset] ?? 0) % most));
    return `127.${byte(0, 254)}.${byte(1, 254)}.${byte(2, 254)}`;
  }
}

/** The last port that the kernel gives on its own. */
function readPortRange(): number | undefined {
  try {
    const [, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
    return last === undefined ? undefined : Number(last);
  } catch {
    return undefined;
  }
}
