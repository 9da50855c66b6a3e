import type { Socket } from 'node:net';
import Client from 'undici/lib/dispatcher/client.js';
import type { Target } from '../../domain/routes.ts';
import type { Reach } from '../../kernel/reach.ts';
import type { Known } from '../../kernel/socket-owners.ts';

/** Applications close idle connections after 5 s and more (Node, Apache, uvicorn); we do it first. */
const IDLE_MS = 2_000;
/** Taken off what an application itself announces in Keep-Alive: the time that a request may be on its way. */
const ANNOUNCED_MARGIN_MS = 1_000;
/**
 * A request that must not be sent twice takes no connection that idled for longer, for the application may be closing it.
 * Under load connections idle for less; without load a new one costs nothing that matters.
 */
const UNREPEATABLE_IDLE_MS = 10;
/** After a refusal others are asked first for this long. */
const AVOID_MS = 1_000;
const MAX_RESPONSE_HEADER_BYTES = 64 * 1024;

/** One replica as the proxy sees it: its connections, and what is in flight to it. */
export class Upstream {
  readonly target: Target;
  inFlight = 0;
  #isRetired = false;
  #avoidUntil = 0;
  readonly #reach: Reach;
  readonly #known: Known = { inodes: [], proven: [] };
  readonly #origin: string;
  readonly #idle: Connection[] = [];

  constructor(target: Target, reach: Reach) {
    this.target = target;
    this.#reach = reach;
    this.#origin = `http://${target.host.includes(':') ? `[${target.host}]` : target.host}:${String(target.port)}`;
  }

  get replica(): string {
    return this.target.replica;
  }

  connect(): Promise<Socket> {
    return this.#reach.connect(this.target, this.#known);
  }

  /** The connection that was used last: the others grow old and close. */
  take(mayRepeat: boolean, mustBeNew: boolean): Connection {
    if (!mustBeNew) {
      const last = this.#idle.at(-1);
      if (last !== undefined && (mayRepeat || performance.now() - last.idleSince <= UNREPEATABLE_IDLE_MS)) {
        this.#idle.pop();
        return last;
      }
    }
    return new Connection(
      this.#origin,
      () => this.connect(),
      (closed) => this.#forget(closed),
    );
  }

  giveBack(connection: Connection): void {
    if (this.#isRetired || !connection.isOpen) {
      connection.close();
    } else {
      connection.idleSince = performance.now();
      this.#idle.push(connection);
    }
  }

  /** It left the table: what is in flight ends in its own time, idle connections end now. */
  retire(): void {
    this.#isRetired = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  avoid(): void {
    this.#avoidUntil = performance.now() + AVOID_MS;
  }

  get isAvoided(): boolean {
    return this.#avoidUntil !== 0 && performance.now() < this.#avoidUntil;
  }

  #forget(closed: Connection): void {
    const index = this.#idle.indexOf(closed);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    closed.close();
  }
}

/** One TCP connection at a time, which carries one request at a time. */
export class Connection {
  readonly client: InstanceType<typeof Client>;
  /** Requests that the present TCP connection has carried; more than none: it may be closing unseen. */
  carried = 0;
  isOpen = false;
  idleSince = 0;

  constructor(origin: string, open: () => Promise<Socket>, onClosed: (connection: Connection) => void) {
    this.client = new Client(origin, {
      connect: (_, done) => {
        open().then(
          (socket) => done(null, socket),
          (error: unknown) => done(asError(error), null),
        );
      },
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      keepAliveTimeoutThreshold: ANNOUNCED_MARGIN_MS,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      // An application may take as long as its client waits: the server's own timeout bounds both.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.client.on('connect', () => {
      this.carried = 0;
      this.isOpen = true;
    });
    this.client.on('disconnect', () => {
      this.isOpen = false;
      onClosed(this);
    });
  }

  /** Later, for it is called out of the client's own callbacks. */
  close(): void {
    queueMicrotask(() => void this.client.destroy());
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
