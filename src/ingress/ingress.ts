import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Problem } from '../domain/errors.ts';
import type { InFlight, Route } from '../domain/routes.ts';
import type { ControlClient } from './control-client.ts';
import { findOrStart, findProxy } from './proxy-process.ts';
import type { Proxied } from './proxy-process.ts';
import type { Status } from './proxy/protocol.ts';

/** The stable address of every instance. Filled by our own proxy; HAProxy can fill it too. */
export interface Ingress {
  /** Resolves when these routes, or newer ones, are in force. What is not acknowledged yet is replaced by what comes later. */
  publish(routes: readonly Route[]): Promise<void>;
  /** Requests and WebSockets by replica, also of replicas that are no longer routed to. */
  inFlight(): Promise<InFlight>;
  /** A sentence on why routes for a part of a host are not possible; absent: they are. */
  whyNoPrefixes(): Promise<string | undefined>;
  address(): { readonly host: string; readonly port: number };
  /** Lets go; the proxy goes on serving. */
  close(): void;
  /** Ends the proxy, after what is in flight. */
  shutdown(): Promise<void>;
}

export interface IngressLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface IngressOptions extends Proxied {
  readonly log: IngressLog;
}

const FIRST_WITH_PREFIXES = 2;
const SHUTDOWN_GRACE_MS = 10_000;
/** How long a caller waits for a proxy that is gone; it is back in a fraction of that. */
const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/** Finds the proxy of the data directory or starts it; a Problem says why it cannot. */
export async function openIngress(options: IngressOptions): Promise<Ingress> {
  const first = await connectAs(options);
  const ingress = new ProxyIngress(options, first.client, first.port);
  ingress.start();
  return ingress;
}

/** Ends the proxy of a data directory where one is alive, whatever its address; starts none. */
export async function endIngress(dataDir: string): Promise<void> {
  const client = await findProxy(dataDir);
  await client?.shutdown(SHUTDOWN_GRACE_MS);
  await client?.closed;
}

/** A living proxy that was started for another address gives way to one for ours. */
async function connectAs(options: IngressOptions): Promise<{ client: ControlClient; port: number }> {
  const { client, status } = await reach(options);
  const isOurs = status.bind === options.bind && (options.port === 0 || options.port === status.port);
  if (isOurs) return { client, port: status.port };
  options.log.info({ from: status.port, to: options.port }, 'the ingress moves to another address');
  await client.shutdown(SHUTDOWN_GRACE_MS);
  await client.closed;
  const moved = await reach(options);
  return { client: moved.client, port: moved.status.port };
}

const REACH_TRIES = 10;

/** A proxy that is found may be dying: it takes connections for a moment longer than it answers. */
async function reach(options: IngressOptions): Promise<{ client: ControlClient; status: Status }> {
  for (let tries = 1; ; tries += 1) {
    const client = await findOrStart(options);
    try {
      return { client, status: await client.status() };
    } catch (error) {
      if (!client.isClosed || tries === REACH_TRIES) throw error;
    }
  }
}

/** As the proxy tells it, in the system's words. */
const isOfDisk = (error: unknown): error is Error =>
  error instanceof Error && /\b(ENOSPC|EDQUOT|EROFS|EIO)\b/.test(error.message);

const notKept = (error: Error) =>
  new Problem(
    'unavailable',
    `The ingress proxy cannot store its routes (${error.message}), so the old ones stay in force; free or repair the disk of the data directory.`,
    {},
    { cause: error },
  );

class ProxyIngress implements Ingress {
  readonly #options: IngressOptions;
  /** Undefined while the proxy is gone. */
  #client: ControlClient | undefined;
  #back = Promise.withResolvers<void>();
  #port: number;
  #wanted: readonly Route[] | undefined;
  #sending: Promise<unknown> = Promise.resolve();
  #queued: Promise<void> | undefined;
  #isClosed = false;
  /** The proxy is to end too, also one that is only just being started. */
  #isEnding = false;
  #watching: Promise<void> = Promise.resolve();
  readonly #publisher = randomUUID();

  constructor(options: IngressOptions, client: ControlClient, port: number) {
    this.#options = options;
    this.#client = client;
    this.#port = port;
  }

  /** All who come while one table is on its way share the next one, which is the newest. */
  publish(routes: readonly Route[]): Promise<void> {
    this.#wanted = routes;
    this.#queued ??= this.#sending.then(() => {
      this.#queued = undefined;
      const sending = this.#ask((client) => this.#send(client));
      this.#sending = sending.catch(() => undefined);
      return sending;
    });
    return this.#queued;
  }

  inFlight(): Promise<InFlight> {
    return this.#ask((client) => client.inFlight());
  }

  whyNoPrefixes(): Promise<string | undefined> {
    return this.#ask(async (client) => {
      const { pid } = await client.status();
      return client.protocol >= FIRST_WITH_PREFIXES
        ? undefined
        : `the ingress proxy that runs (process ${String(pid)}) is of an earlier version and knows whole hosts only; ` +
            'end it at a quiet moment, and the platform starts its successor';
    });
  }

  address(): { host: string; port: number } {
    return { host: this.#options.bind, port: this.#port };
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#isEnding = true;
    const client = this.#client;
    await client?.shutdown(SHUTDOWN_GRACE_MS);
    await this.#watching;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  /** As long as we are open, a proxy that dies is replaced, and gets the table again. */
  async #watch(): Promise<void> {
    for (let client = this.#client; client !== undefined; client = await this.#revive()) {
      await client.closed;
      this.#client = undefined;
      if (this.#isClosed) return;
      this.#back = Promise.withResolvers();
      this.#options.log.warn({}, 'the ingress proxy is gone; starting it again');
    }
  }

  async #revive(): Promise<ControlClient | undefined> {
    for (let pauseMs = FIRST_PAUSE_MS; !this.#isClosed; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        const { client, port } = await connectAs(this.#options);
        if (this.#isClosed) {
          if (this.#isEnding) await client.shutdown(SHUTDOWN_GRACE_MS);
          client.close();
          return undefined;
        }
        this.#client = client;
        this.#port = port;
        this.#back.resolve();
        if (this.#wanted !== undefined) this.publish(this.#wanted).catch(this.#warn);
        return client;
      } catch (error) {
        this.#warn(error);
        await setTimeout(pauseMs);
      }
    }
    return undefined;
  }

  readonly #warn = (error: unknown) => {
    this.#options.log.warn({ error: String(error) }, 'the ingress proxy does not do as asked');
  };

  /** Above whatever is in force: so a platform that was started again carries on where the one before it ended. */
  async #send(client: ControlClient): Promise<void> {
    const { version } = await client.status();
    const table = { version: version + 1, routes: this.#wanted ?? [] };
    await client.publish({ op: 'publish', publisher: this.#publisher, table }).catch((error: unknown) => {
      throw isOfDisk(error) ? notKept(error) : error;
    });
  }

  /** Asked again of the next proxy if this one goes away meanwhile: every request may come twice. */
  async #ask<T>(request: (client: ControlClient) => Promise<T>): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#isClosed) throw new Error('The connection to the ingress proxy is closed; open it again.');
      const client = this.#client;
      if (client !== undefined) {
        try {
          return await request(client);
        } catch (error) {
          if (!client.isClosed) throw error;
          await client.closed;
        }
      } else if (performance.now() > deadline) {
        throw new Error(
          `The ingress proxy is gone and was not back within ${String(PATIENCE_MS / 1000)} s; see logs/proxy.log in the data directory.`,
        );
      } else {
        await Promise.race([this.#back.promise, setTimeout(PATIENCE_MS, undefined, { ref: false })]);
      }
    }
  }
}
