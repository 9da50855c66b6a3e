import { request as httpRequest, ServerResponse } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { allRefused, answer, broken, crowded, noTarget, notFound, refused } from './answers.ts';
import type { Answer } from './answers.ts';
import { readHead, Refusal } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { responseHeaders } from './response-head.ts';
import { readReason, sendHead } from './send-head.ts';
import type { Destination, Table } from './table.ts';
import type { Upstream } from './upstream.ts';

/** An application that was asked for a WebSocket answers, or is given up. */
const HANDSHAKE_MS = 60_000;

/**
 * Carries a WebSocket. Only after the application's 101 are bytes passed on unread: a client that was refused
 * must not be left on a raw connection to the application.
 */
export function upgrade(
  table: Table,
  request: IncomingMessage,
  client: Duplex,
  first: Buffer,
  unreadMs: number,
): void {
  if (client instanceof Socket) client.setTimeout(0);
  const head = readHead(request);
  if (head instanceof Refusal) {
    say(request, client, refused(head));
    return;
  }
  const destination = table.find(head.host, head.path);
  if (destination === undefined) say(request, client, notFound(head.host, table.knows(head.host)));
  else if (request.method !== 'GET' || head.hasBody) {
    say(request, client, refused(new Refusal('A WebSocket is opened by GET without a body.')));
  } else if (destination.upstreams.length === 0) say(request, client, noTarget(destination.route, head.host));
  else if (!destination.enter()) say(request, client, crowded(head.host));
  else {
    client.once('close', () => destination.leave());
    boundPause(client, unreadMs);
    connect(request, client, first, head, destination, []);
  }
}

function connect(
  request: IncomingMessage,
  client: Duplex,
  first: Buffer,
  head: RequestHead,
  destination: Destination,
  tried: readonly Upstream[],
): void {
  const upstream = destination.pick(tried);
  if (upstream === undefined) {
    say(request, client, allRefused(head.host));
    return;
  }
  upstream.inFlight++;
  let isOver = false;
  const leave = () => {
    if (!isOver) upstream.inFlight--;
    isOver = true;
  };
  let wasConnected = false;
  const asked = ask(head, upstream, () => (wasConnected = true));
  const stopMinding = mindClient(client, () => asked.destroy());
  asked.on('upgrade', (response: IncomingMessage, application: Duplex, firstBack: Buffer) => {
    stopMinding();
    client.write(switching(response), 'latin1');
    join(client, application, first, firstBack, leave);
  });
  asked.on('response', (response) => {
    stopMinding();
    response.once('close', leave);
    passOn(request, client, response, head.host);
  });
  asked.on('error', (error) => {
    stopMinding();
    leave();
    if (client.destroyed || client.readableEnded) {
      client.destroy();
    } else if (wasConnected) {
      // A handshake that was sent may have had an effect; one that found no connection had none.
      say(request, client, broken(head.host, error instanceof Silent ? 'silent' : 'gone'));
    } else {
      upstream.avoid();
      connect(request, client, first, head, destination, [...tried, upstream]);
    }
  });
  asked.end();
}

/** While the application reads nothing, nothing is read from the client either: not even that it has left. */
function boundPause(client: Duplex, unreadMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  client.on('pause', () => {
    clearTimeout(timer);
    timer = setTimeout(() => client.destroy(), unreadMs);
  });
  for (const event of ['resume', 'close'] as const) client.on(event, () => clearTimeout(timer));
}

class Silent extends Error {}

function mindClient(client: Duplex, onGone: () => void): () => void {
  client.once('end', onGone);
  client.once('close', onGone);
  return () => {
    client.off('end', onGone);
    client.off('close', onGone);
  };
}

function ask(head: RequestHead, upstream: Upstream, onConnected: () => void): ClientRequest {
  const asked = httpRequest({
    path: head.path,
    headers: [...head.headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
    setHost: false,
    createConnection: (_, done) => {
      upstream.connect().then(
        (socket) => {
          onConnected();
          done(null, socket);
        },
        (error: Error) => done(error, new Socket()),
      );
      return undefined;
    },
  });
  asked.setTimeout(HANDSHAKE_MS, () => {
    asked.destroy(
      new Silent(`no answer to the WebSocket's handshake within ${String(HANDSHAKE_MS / 1000)} s`),
    );
  });
  return asked;
}

/** As text of bytes, for that is how its parser reads them. */
function switching(response: IncomingMessage): string {
  const { headers } = responseHeaders(response.rawHeaders, 101);
  let text = `HTTP/1.1 101 ${readReason(response.statusMessage ?? '')}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    text += `${headers[index] ?? ''}: ${headers[index + 1] ?? ''}\r\n`;
  }
  return `${text}\r\n`;
}

function join(
  client: Duplex,
  application: Duplex,
  first: Buffer,
  firstBack: Buffer,
  leave: () => void,
): void {
  if (application instanceof Socket) {
    application.setTimeout(0);
    application.setNoDelay(true);
  }
  if (first.length > 0) application.write(first);
  if (firstBack.length > 0) client.write(firstBack);
  application.on('error', () => client.destroy());
  client.on('error', () => application.destroy());
  application.on('close', () => {
    leave();
    client.end(() => client.destroy());
  });
  client.on('close', () => application.destroy());
  client.pipe(application);
  application.pipe(client);
}

/** The application wants no WebSocket here: its answer goes back, and the connection ends with it. */
function passOn(request: IncomingMessage, client: Duplex, response: IncomingMessage, host: string): void {
  const status = response.statusCode ?? 0;
  const { headers, hasDate, isCoded } = responseHeaders(response.rawHeaders, status);
  const back = onLastResponse(request, client);
  back.sendDate = !hasDate;
  const isHttp1 = response.httpVersionMajor === 1;
  if (!isHttp1 || isCoded || !sendHead(back, status, response.statusMessage ?? '', headers)) {
    response.destroy();
    answer(request, back, broken(host, 'odd'));
    return;
  }
  response.on('error', () => client.destroy());
  back.on('close', () => response.destroy());
  response.pipe(back);
}

function say(request: IncomingMessage, client: Duplex, what: Answer): void {
  answer(request, onLastResponse(request, client), what);
}

/** The parser has let go of the connection: one answer more, then it ends. */
export function onLastResponse(request: IncomingMessage, client: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  if (client instanceof Socket) response.assignSocket(client);
  response.on('finish', () => client.end());
  return response;
}
