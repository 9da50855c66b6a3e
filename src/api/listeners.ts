import { randomBytes } from 'node:crypto';
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorBody, wires, type Wire } from './errors.ts';

/** Real tokens of other clouds are several KB, and scripts carry them over. */
const MAX_HEADER_BYTES = 32 * 1024;
/** From the first byte to the end of the headers. Node looks every CHECK_MS, so slow ones end within 15 s. */
const HEADERS_MS = 12_000;
const CHECK_MS = 2_000;
/** Without a byte in either direction; uploads of packages may last, but not stand still. */
const IDLE_MS = 60_000;
/** Longer than the pause between two polls of a job (5 s), so that they share a connection. */
const KEEP_ALIVE_MS = 30_000;
const MAX_CONNECTIONS = 10_000;
/** How long requests under way may last when the platform stops. */
const DRAIN_MS = 5_000;
const SWEEP_MS = 20;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Tls {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

export const newRequestId = (): string => randomBytes(16).toString('hex');

/** A listener with this house's limits. Without `tls` it speaks plain HTTP. */
export function makeListener(handler: Handler, tls?: Tls): Server {
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    // Bodies are timed by kind: see `limitBodyTime`.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
    requireHostHeader: false,
    noDelay: true,
  };
  const server = tls
    ? createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: HEADERS_MS }, handler)
    : createServer(options, handler);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  keepConnections(server, tls ? 'secureConnection' : 'connection');
  server.on('clientError', answerClientError);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const message = `Expect: ${String(request.headers.expect).slice(0, 60)} cannot be met; expected 100-continue or none.`;
    const requestId = newRequestId();
    const body = JSON.stringify(errorBody(wires.malformedRequest, message, requestId, request.url ?? '/'));
    response.writeHead(417, {
      'X-Request-Id': requestId,
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    });
    response.end(body);
  });
  return server;
}

const clientErrors: Readonly<
  Record<string, { readonly status?: number; readonly wire: Wire; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: {
    wire: wires.headersTooLarge,
    message: `The request's head is over ${MAX_HEADER_BYTES} bytes; send a shorter address or fewer headers.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    wire: wires.malformedRequest,
    message: `The request's head did not arrive within ${HEADERS_MS / 1000} s; send it at once.`,
  },
};
const malformed = {
  wire: wires.malformedRequest,
  message: 'This is not an HTTP/1.1 request; expected one as in RFC 9112.',
};

/** What Node's parser refuses never becomes a request, so it is answered on the bare connection. */
function answerClientError(error: NodeJS.ErrnoException, connection: Duplex): void {
  if (error.code === 'ECONNRESET' || !connection.writable) {
    connection.destroy();
    return;
  }
  // Bytes of an answer are on the way already: another head in the midst of them would be read as its body.
  if (connection instanceof Socket && hasAnswered(connection)) {
    connection.destroy();
    return;
  }
  const { wire, message, status } = { status: undefined, ...(clientErrors[error.code ?? ''] ?? malformed) };
  endWith(connection, status ?? wire.status, wire, message);
}

const underWay = new WeakMap<Duplex, ServerResponse>();
const connections = new WeakMap<Server, Set<Duplex>>();

function keepConnections(server: Server, event: 'connection' | 'secureConnection'): void {
  const open = new Set<Duplex>();
  connections.set(server, open);
  server.on(event, (connection: Duplex) => {
    open.add(connection);
    connection.once('close', () => open.delete(connection));
  });
}

/** Remembers which answer a connection is busy with. */
export function track(request: IncomingMessage, response: ServerResponse): void {
  underWay.set(request.socket, response);
}

function hasAnswered(connection: Duplex): boolean {
  const response = underWay.get(connection);
  return response !== undefined && response.headersSent && !response.writableFinished;
}

function endWith(connection: Duplex, status: number, wire: Wire, message: string): void {
  const requestId = newRequestId();
  const body = JSON.stringify(errorBody(wire, message, requestId, '/'));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    `X-Request-Id: ${requestId}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  connection.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => connection.destroy());
}

/** A body that trickles in is cut off; `ms` is from the end of the head to the end of the body. */
export function limitBodyTime(request: IncomingMessage, ms: number): void {
  // A request that was made up in this process has no connection to cut.
  if (request.complete || !(request.socket instanceof Socket)) return;
  const timer = setTimeout(() => {
    if (request.complete || request.destroyed) return;
    if (underWay.get(request.socket)?.headersSent === true) request.socket.destroy();
    else {
      endWith(
        request.socket,
        408,
        wires.malformedRequest,
        `The body did not arrive within ${ms / 1000} s; send it at once.`,
      );
    }
  }, ms);
  timer.unref();
  const clear = () => clearTimeout(timer);
  request.once('end', clear);
  request.once('close', clear);
}

export function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      const address = server.address();
      if (typeof address === 'object' && address) resolve(address);
      else reject(new Error(`The listener on ${host}:${port} has no address.`));
    });
  });
}

/** Takes no more connections, lets requests under way end, then cuts. */
export function drain(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const sweep = setInterval(() => endUnused(server), SWEEP_MS);
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
    endUnused(server);
  });
}

/** Node's own `closeIdleConnections` leaves those on which no request has begun yet. */
function endUnused(server: Server): void {
  for (const connection of connections.get(server) ?? []) {
    const response = underWay.get(connection);
    if (response && !response.writableFinished) continue;
    // What was written last is sent before the connection goes.
    if (connection instanceof Socket) connection.destroySoon();
    else connection.destroy();
  }
}
