import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Target } from '../domain/routes.ts';
import { SocketOwners } from './socket-owners.ts';
import type { Known } from './socket-owners.ts';
import { SourceAddresses } from './source-address.ts';

/** Replicas on this host refuse at once; this is for hosts that do not answer at all. */
const CONNECT_MS = 5_000;
/** A first connection only finds out who listens, the second is used; one more for an application that starts just then. */
const MOST_TRIES = 3;
/** Of a port that another source address of ours, or a listener on all addresses, has taken. */
const MOST_SOURCES = 4;
/** So long nobody is asked again whose a port is that was a stranger's. */
const STRANGER_MS = 100;

/** Opens connections to replicas, and lets no byte out to a stranger. */
export interface Reach {
  connect(target: Target, known: Known, withinMs?: number): Promise<Socket>;
}

/** Counts as a refused connection: there is none to the replica. */
export class Stranger extends Error {}

/** Where the kernel tells nobody whose a socket is, a port is taken for its replica's. */
export const plainReach: Reach = {
  connect: ({ host, port }, _, withinMs) => open({ host, port }, withinMs),
};

/** On Linux: a target that names its user is reached only where that user's own socket answers. */
export class OwnReach implements Reach {
  /** How often a port was somebody else's. */
  count = 0;
  readonly #owners = new SocketOwners();
  readonly #sources: SourceAddresses | undefined;
  readonly #tellStranger: (message: string) => void;
  readonly #strangers = new WeakMap<Known, number>();

  private constructor(tellStranger: (message: string) => void, sources: SourceAddresses | undefined) {
    this.#tellStranger = tellStranger;
    this.#sources = sources;
  }

  /** Tries it: where the loopback network has one address only, a part of the fence is missing, and is said to be. */
  static async open(
    log: (message: string) => void,
    tellStranger: (message: string) => void = log,
  ): Promise<OwnReach> {
    const sources = new SourceAddresses();
    const lack = await whyNotBound(sources.next().localAddress);
    if (lack === undefined) return new OwnReach(tellStranger, sources);
    log(`connections to applications come from 127.0.0.1, where they can be foreseen: ${lack}`);
    return new OwnReach(tellStranger, undefined);
  }

  async connect(target: Target, known: Known, withinMs?: number): Promise<Socket> {
    const { user } = target;
    if (user === undefined) return plainReach.connect(target, known, withinMs);
    const place = `${target.host}:${String(target.port)}`;
    if (performance.now() < (this.#strangers.get(known) ?? 0))
      throw new Stranger(`${place} is a stranger's.`);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      // What was known before the connection began: what is seen of it later may have come after it.
      const before: Known = { ...known };
      const socket = await this.#open(target, withinMs);
      const isOwn = await this.#owners.isOf(socket, target, user, before).catch((error: unknown) => {
        socket.destroy();
        throw error;
      });
      [known.inodes, known.proven] = [before.inodes, before.proven];
      if (isOwn && !socket.destroyed) return socket;
      socket.destroy();
    }
    this.#strangers.set(known, performance.now() + STRANGER_MS);
    this.count++;
    this.#tellStranger(
      `${place} of replica ${target.replica} is not held by its user ${String(user)}: nothing was sent there`,
    );
    throw new Stranger(`${place} is held by another user than ${String(user)}.`);
  }

  async #open({ host, port }: Target, withinMs: number | undefined): Promise<Socket> {
    for (let tries = 1; ; tries++) {
      const { localPort, ...source } = this.#sources?.next() ?? {};
      const isLast = tries >= MOST_SOURCES;
      try {
        const own = !isLast && localPort !== undefined ? { localPort } : {};
        return await open({ host, port, ...source, ...own }, withinMs);
      } catch (error) {
        if (isLast || !isTaken(error)) throw error;
      }
    }
  }
}

function whyNotBound(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.message));
    server.listen({ host, port: 0 }, () => server.close(() => resolve(undefined)));
  });
}

const isTaken = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'EADDRINUSE' || error.code === 'EADDRNOTAVAIL');

interface Place {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

function open(place: Place, withinMs = CONNECT_MS): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place, noDelay: true });
    socket.setTimeout(withinMs, () => {
      const where = `${place.host}:${String(place.port)}`;
      socket.destroy(new Error(`No connection to ${where} within ${String(withinMs)} ms.`));
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}
