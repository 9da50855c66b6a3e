import { renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { InFlight, RouteTable } from '../../domain/routes.ts';
import { OLDEST_PROTOCOL, onLines, PROTOCOL, writeLine } from './protocol.ts';
import type { Request, Status } from './protocol.ts';
import { readInteger, readRecord, readTable, readText } from './shapes.ts';

/** What the control socket can do to a proxy. */
export interface Controlled {
  status(): Status;
  publish(publisher: string, table: RouteTable): Promise<void>;
  inFlight(): InFlight;
  shutdown(graceMs: number): Promise<void>;
}

const MAX_GRACE_MS = 10 * 60_000;

export interface Control {
  /** From now on the platform finds it. */
  open(): void;
  close(): void;
}

/**
 * Only the holder of the lock comes here, so a socket file that is there already is a dead proxy's. It is found under
 * its name once the proxy can answer, which takes a single step then: the right to it may be gone the step after.
 */
export async function listenForControl(path: string, proxy: Promise<Controlled>): Promise<Control> {
  const next = join(dirname(path), 'next');
  for (const old of [path, next]) rmSync(old, { force: true });
  const server = createServer((socket) => {
    serve(socket, proxy);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(next, resolve);
  });
  return {
    open: () => renameSync(next, path),
    close() {
      server.close();
      try {
        rmSync(path, { force: true });
      } catch {
        // Whoever became a user leaves it to the next one: nobody answers there.
      }
    },
  };
}

function serve(socket: Socket, proxy: Promise<Controlled>): void {
  socket.on('error', () => socket.destroy());
  onLines(socket, (line) => {
    void reply(line, proxy).then((message) => {
      if (socket.writable) writeLine(socket, message);
    });
  });
}

async function reply(line: string, proxy: Promise<Controlled>): Promise<object> {
  let id: unknown;
  try {
    const message = readRecord(JSON.parse(line), 'request');
    id = message['id'];
    const result = await obey(readRequest(message), await proxy);
    return { v: PROTOCOL, id, result };
  } catch (error) {
    return { v: PROTOCOL, id, error: error instanceof Error ? error.message : String(error) };
  }
}

async function obey(request: Request, proxy: Controlled): Promise<unknown> {
  switch (request.op) {
    case 'status':
      return proxy.status();
    case 'publish': {
      await proxy.publish(request.publisher, request.table);
      const { publisher, version } = proxy.status();
      return { publisher, version };
    }
    case 'inflight':
      return proxy.inFlight();
    case 'shutdown':
      await proxy.shutdown(request.graceMs);
      return null;
  }
}

/** What tells versions apart, and what makes room for another one, is spoken by all of them. */
const OF_EVERY_VERSION: readonly string[] = ['status', 'shutdown'];

function readRequest(message: Readonly<Record<string, unknown>>): Request {
  const version = readInteger(message['v'], 'v', Number.MAX_SAFE_INTEGER);
  const op = readText(message['op'], 'op');
  if (!OF_EVERY_VERSION.includes(op) && (version < OLDEST_PROTOCOL || version > PROTOCOL)) {
    throw new Error(
      `Version ${String(version)} of the control protocol is unknown to this proxy, which speaks ` +
        `${String(OLDEST_PROTOCOL)} to ${String(PROTOCOL)}; shut it down and let the platform start its own.`,
    );
  }
  switch (op) {
    case 'status':
    case 'inflight':
      return { op };
    case 'publish':
      return {
        op,
        publisher: readText(message['publisher'], 'publisher'),
        table: readTable(message['table']),
      };
    case 'shutdown':
      return { op, graceMs: readInteger(message['graceMs'], 'graceMs', MAX_GRACE_MS) };
    default:
      throw new Error(`"${op}" is not a request of the control protocol.`);
  }
}
