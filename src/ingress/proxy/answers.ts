import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from '../../domain/routes.ts';
import type { Refusal } from './request-head.ts';

/** What the proxy itself says when it has no application's answer to give. */
export interface Answer {
  readonly status: number;
  readonly message: string;
  readonly host?: string;
  readonly retryAfterS?: number;
}

const RETRY_AFTER_S = 1;

export const refused = (refusal: Refusal): Answer => ({
  status: 400,
  message: `This request is not forwarded. ${refusal.why} Send it as RFC 9112 describes.`,
});

/** `isKnown`: others have paths of the host, but not this one. */
export const notFound = (host: string, isKnown: boolean): Answer => ({
  status: 404,
  message: isKnown
    ? `No instance has this path of the host ${host}. Check the address, or the external accesses of the instances that share the host.`
    : `No instance has the host ${host}. Check the address, or the instance's external accesses.`,
  host,
});

/** Visitors are told of their host alone: what instances and replicas are called is their owner's business. */
export const noTarget = (route: Route, host: string): Answer => ({
  status: 503,
  message: `The application behind ${host} ${route.absence ?? 'has no healthy replica'}. Try again later.`,
  host,
  retryAfterS: RETRY_AFTER_S,
});

export const allRefused = (host: string): Answer => ({
  status: 503,
  message: `The application behind ${host} accepts no connections. Try again later.`,
  host,
  retryAfterS: RETRY_AFTER_S,
});

export const crowded = (host: string): Answer => ({
  status: 503,
  message: `The application behind ${host} has as many requests in flight as one application may have. Try again later.`,
  host,
  retryAfterS: RETRY_AFTER_S,
});

export const broken = (host: string, how: Broken): Answer => ({
  status: how === 'unread' ? 504 : 502,
  message: `The application behind ${host} took the request and ${HOW[how]}. Its log may tell why.`,
  host,
});

/** gone: it ended the connection; unread: it left the body lying; silent: no answer to a handshake; odd: no answer of HTTP. */
export type Broken = 'gone' | 'unread' | 'silent' | 'odd';

const HOW: Readonly<Record<Broken, string>> = {
  gone: 'gave no answer',
  unread: 'did not read its body',
  silent: 'gave no answer in time',
  odd: 'gave an answer that is not HTTP',
};

export function answer(request: IncomingMessage, response: ServerResponse, say: Answer): void {
  const { status, retryAfterS, ...body } = say;
  const wantsJson = request.headers.accept?.includes('application/json') ?? false;
  const text = wantsJson ? `${JSON.stringify({ status, ...body })}\n` : `${say.message}\n`;
  response.sendDate = true;
  // A client that was promised no "100 Continue" may or may not send its body: only a new connection is unambiguous.
  if (request.headers.expect !== undefined) response.shouldKeepAlive = false;
  response.writeHead(status, {
    'Content-Type': wantsJson ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(retryAfterS === undefined ? {} : { 'Retry-After': retryAfterS }),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}
