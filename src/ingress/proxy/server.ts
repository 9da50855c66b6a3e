import { createServer, ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { answer, noTarget, notFound, refused } from './answers.ts';
import { Exchange } from './forward.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReadAheadLimits } from './read-ahead.ts';
import { readHead, Refusal } from './request-head.ts';
import type { Table } from './table.ts';
import { onLastResponse, upgrade } from './upgrade.ts';

/** Of a request's head, all names and values together. */
const MAX_HEADER_BYTES = 32 * 1024;
export interface ServerLimits extends ReadAheadLimits {
  readonly headMs?: number;
  /** Without progress of a body that the application does not read. */
  readonly unreadMs?: number;
  /** Without progress towards a client that has ended its side. */
  readonly endedMs?: number;
  /** In flight to one instance. */
  readonly mostOfOne?: number;
}

/** With the interval of the check a head that comes too slowly ends within 15 s. */
const HEAD_MS = 14_000;
const CHECK_INTERVAL_MS = 1_000;
/** Longer than the 60 s of common load balancers, so that they and not we end idle connections. */
const CLIENT_IDLE_MS = 75_000;
/** Neither side said anything: long enough for any long poll. */
const SILENCE_MS = 60 * 60_000;
/** Each takes two descriptors of this process at the most. */
export const MAX_CONNECTIONS = 20_000;
const TCP_KEEP_ALIVE_MS = 60_000;
/** As long as nginx waits between two writes to an application. */
const UNREAD_MS = 60_000;
/** Ending one's side is legal, and looks like leaving: an answer that comes soon, or goes on, is passed on. */
const ENDED_MS = 5_000;

export function createProxyServer(
  table: Table,
  { headMs = HEAD_MS, unreadMs = UNREAD_MS, endedMs = ENDED_MS, ...readAhead }: ServerLimits = {},
): Server {
  const patience = { unreadMs, ahead: new ReadAhead(readAhead) };
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    const head = readHead(request);
    if (head instanceof Refusal) {
      response.shouldKeepAlive = false;
      answer(request, response, refused(head));
      return;
    }
    const destination = table.find(head.host, head.path);
    if (destination === undefined) answer(request, response, notFound(head.host, table.knows(head.host)));
    else if (destination.upstreams.length === 0)
      answer(request, response, noTarget(destination.route, head.host));
    else new Exchange(request, response, head, destination, patience).begin();
  };
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headMs,
      // Bodies may take as long as they need, as long as they move.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: CLIENT_IDLE_MS,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      noDelay: true,
      insecureHTTPParser: false,
      // JDK and curl offer h2c with ordinary requests: an offer that may be ignored.
      shouldUpgradeCallback: (request) => isWebSocket(request),
    },
    forward,
  );
  server.timeout = SILENCE_MS;
  // The bytes are bounded; a bound on the number would drop the rest in silence.
  server.maxHeadersCount = 0;
  server.maxConnections = MAX_CONNECTIONS;
  // Node's own switch, which its types do not know: else it ends our side as soon as a client has ended its own.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket: Socket) => socket.once('end', () => mindEnded(socket, endedMs)));
  server.on('checkContinue', forward);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    socket.on('error', () => socket.destroy());
    // Below Node 24.9 every offer comes here; without a body it is as good as none.
    if (isWebSocket(request)) upgrade(table, request, socket, first, unreadMs);
    else if (first.length === 0) forward(request, onLastResponse(request, socket));
    else endRaw(socket, '400 Bad Request', 'Only WebSockets are carried: send the request without Upgrade.');
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    endRaw(socket, '405 Method Not Allowed', 'This is not a forward proxy: CONNECT is not carried.');
  });
  server.on('clientError', onClientError);
  return server;
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.trim().toLowerCase() === 'websocket';
}

function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const pending = pendingAnswer(socket);
  if (pending?.writableEnded === true) {
    // It was refused, and has been told.
    socket.end();
  } else if (
    error.code === 'ECONNRESET' ||
    !socket.writable ||
    (pending !== undefined && !isAbout(pending))
  ) {
    socket.destroy();
  } else if (error.code === 'HPE_HEADER_OVERFLOW') {
    endRaw(socket, '431 Request Header Fields Too Large', 'The headers exceed 32 KiB.');
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    endRaw(socket, '408 Request Timeout', 'The headers did not arrive within 15 seconds.');
  } else {
    endRaw(socket, '400 Bad Request', 'This is not a request as RFC 9112 describes it.');
  }
}

/** Whoever has ended its side while an answer is due is gone, unless bytes go to it. */
function mindEnded(socket: Socket, endedMs: number): void {
  let written = socket.bytesWritten;
  const timer = setInterval(() => {
    if (pendingAnswer(socket) !== undefined && socket.bytesWritten === written) socket.destroy();
    written = socket.bytesWritten;
  }, endedMs);
  socket.once('close', () => clearInterval(timer));
}

/** Node's own error handler looks at the same property; there is no other way to know. */
function pendingAnswer(socket: Duplex): ServerResponse | undefined {
  return '_httpMessage' in socket && socket._httpMessage instanceof ServerResponse
    ? socket._httpMessage
    : undefined;
}

/** An error in the body of the request that waits is answered; one behind it must not pass for its answer. */
function isAbout(pending: ServerResponse): boolean {
  return !pending.headersSent && !pending.req.complete;
}

function endRaw(socket: Duplex, status: string, message: string): void {
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}Content-Length: ${String(Buffer.byteLength(message) + 1)}\r\n\r\n${message}\n`, () =>
    socket.destroy(),
  );
}
