import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { InFlight, RouteTable } from '../../domain/routes.ts';
import { listenForControl } from './control.ts';
import type { Controlled } from './control.ts';
import { loadClient } from './load-client.ts';
import type { ProxyPaths } from './paths.ts';
import type { Status } from './protocol.ts';
import type { Reach } from '../../kernel/reach.ts';
import { readKept, writeKept } from './routes-file.ts';
import type { Kept } from './routes-file.ts';
import { createProxyServer, MAX_CONNECTIONS } from './server.ts';
import { Table } from './table.ts';

export interface Start {
  readonly paths: ProxyPaths;
  readonly bind: string;
  readonly port: number;
  readonly boot: string;
  /** The last moment at which the process needs its rights. */
  onListening(): void;
  readonly reach: Reach;
  /** That this process may have open; absent: nobody knows. */
  readonly descriptors?: number;
  /** How often a port turned out to be a stranger's. */
  strangers(): number;
  log(message: string): void;
}

/** The address is somebody else's, or not one of this machine. */
export class AddressUnavailable extends Error {}

/** Serves as before from its file, then takes orders. */
export async function startProxy(start: Start): Promise<Proxy> {
  const { paths, bind, log } = start;
  await loadClient(join(dirname(paths.socket), 'load'));
  const kept = await readKept(paths.routes).catch((error: unknown) => {
    log(`${paths.routes} is unreadable and is written anew: ${String(error)}`);
    return undefined;
  });
  const routes = new Table(start.reach, mostOfOne(start.descriptors));
  const table = kept === undefined ? EMPTY : servable(kept, start.boot);
  routes.apply(table);
  const server = createProxyServer(routes);
  const ready = Promise.withResolvers<Controlled>();
  const control = await listenForControl(paths.socket, ready.promise);
  const port = await listen(server, bind, start.port, kept?.port ?? 0);
  // In the same turn, before a first connection is accepted.
  control.open();
  start.onListening();
  const proxy = new Proxy(start, server, routes, {
    port,
    boot: start.boot,
    publisher: kept?.publisher ?? '',
    table,
  });
  await proxy.keep();
  ready.resolve(proxy);
  proxy.onShutdown(() => control.close());
  log(
    `listening on ${bind}:${String(port)} with ${String(table.routes.length)} routes of version ${String(table.version)}`,
  );
  return proxy;
}

/** Each takes two descriptors; one instance leaves three quarters to all others. */
const SHARE = 4;

const mostOfOne = (descriptors = 2 * MAX_CONNECTIONS): number =>
  Math.floor(Math.min(MAX_CONNECTIONS, descriptors / 2) / SHARE);

const EMPTY: RouteTable = { version: 0, routes: [] };

/**
 * Since a restart of the machine every port may be another replica's: until the platform has spoken, hosts are known
 * and nothing is behind them. Without one the file holds: no port is freed before a table without it is on disk.
 */
function servable(kept: Kept, boot: string): RouteTable {
  if (kept.boot === boot) return kept.table;
  return {
    version: kept.table.version,
    routes: kept.table.routes.map((route) => ({ ...route, targets: [], absence: 'is being started again' })),
  };
}

/** A port of 0 takes the one of last time, as long as it is free. */
async function listen(server: Server, bind: string, asked: number, before: number): Promise<number> {
  if (asked === 0 && before !== 0) {
    try {
      return await tryListen(server, bind, before);
    } catch (error) {
      if (!(error instanceof AddressUnavailable)) throw error;
    }
  }
  return tryListen(server, bind, asked);
}

function tryListen(server: Server, bind: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const place = `${bind}:${String(port)}`;
      reject(
        new AddressUnavailable(
          `The ingress cannot listen on ${place} (${error.code ?? error.message}); ` +
            `free that address, or name another with OPENSTAGE_INGRESS_PORT or OPENSTAGE_BIND.`,
        ),
      );
    };
    server.once('error', onError);
    server.listen(port, bind, () => {
      server.off('error', onError);
      resolve(readPort(server.address()));
    });
  });
}

function readPort(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('The ingress listens on no TCP port.');
  return address.port;
}

export class Proxy implements Controlled {
  readonly #start: Start;
  readonly #server: Server;
  readonly #routes: Table;
  readonly #onShutdown: (() => void)[] = [];
  #kept: Kept;
  #publishing: Promise<void> = Promise.resolve();

  constructor(start: Start, server: Server, routes: Table, kept: Kept) {
    this.#start = start;
    this.#server = server;
    this.#routes = routes;
    this.#kept = kept;
  }

  status(): Status {
    const { bind, port: askedPort } = this.#start;
    const { port, publisher, table } = this.#kept;
    const strangers = this.#start.strangers();
    return { pid: process.pid, bind, askedPort, port, publisher, version: table.version, strangers };
  }

  inFlight(): InFlight {
    return this.#routes.inFlight();
  }

  /** On disk first: a table that was acknowledged is the one that the next proxy starts with. */
  publish(publisher: string, table: RouteTable): Promise<void> {
    const publishing = this.#publishing.then(async () => {
      const { publisher: last, table: current } = this.#kept;
      if (table.version <= current.version) {
        if (publisher === last) return;
        throw new Error(
          `Version ${String(table.version)} of the route table is not above ${String(current.version)}, which is in force; ` +
            `ask for the status and publish above its version.`,
        );
      }
      const next = { ...this.#kept, publisher, table };
      await writeKept(this.#start.paths.routes, next);
      this.#kept = next;
      this.#routes.apply(table);
    });
    this.#publishing = publishing.catch(() => undefined);
    return publishing;
  }

  keep(): Promise<void> {
    return writeKept(this.#start.paths.routes, this.#kept);
  }

  onShutdown(step: () => void): void {
    this.#onShutdown.push(step);
  }

  /** Ends when what is in flight has ended, at the latest after the grace. */
  async shutdown(graceMs: number): Promise<void> {
    this.#start.log('shutting down');
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await Promise.race([closed, setTimeout(graceMs, undefined, { ref: false })]);
    // The reply is written first.
    setImmediate(() => {
      for (const step of this.#onShutdown) step();
    });
  }
}
