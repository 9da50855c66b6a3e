import type { IncomingMessage } from 'node:http';
import { namesNothing, withoutNamed } from './connection-header.ts';

/** What the proxy makes of a request's head before it forwards it. */
export interface RequestHead {
  /** As in the route table: lower case, without port and final dot. */
  readonly host: string;
  readonly path: string;
  readonly hasBody: boolean;
  /** Name, value, name, value … as the application gets them. */
  readonly headers: string[];
}

/** Why a request is refused: it could be read in more than one way, or asks for what a proxy does not carry. */
export class Refusal {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

type Meaning = 'host' | 'connection' | 'length' | 'encoding' | 'dropped';

/**
 * Hop-by-hop headers, those that only this proxy may set, and Proxy, which CGI turns into HTTP_PROXY.
 * Expect is answered here.
 */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['host', 'host'],
  ['connection', 'connection'],
  ['proxy-connection', 'dropped'],
  ['content-length', 'length'],
  ['transfer-encoding', 'encoding'],
  ...[
    'keep-alive',
    'te',
    'trailer',
    'upgrade',
    'http2-settings',
    'expect',
    'proxy-authorization',
    'proxy-authenticate',
    'proxy',
    'forwarded',
    'x-real-ip',
  ].map((name): [string, Meaning] => [name, 'dropped']),
]);

const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i;
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9._~%-]+?)\.?(?::\d{0,5})?$/;

export function readHead(request: IncomingMessage): RequestHead | Refusal {
  const raw = request.rawHeaders;
  const headers: string[] = [];
  let authority: string | undefined;
  let named: string | undefined;
  let hasLength = false;
  let isChunked = false;
  let hasBody = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    const lower = name.toLowerCase();
    switch (MEANINGS.get(lower)) {
      case undefined:
        if (!isForged(lower)) headers.push(name, value);
        break;
      case 'host':
        if (authority !== undefined) return new Refusal('It has more than one Host header.');
        authority = value;
        break;
      case 'connection':
        if (!namesNothing(value)) named = named === undefined ? value : `${named},${value}`;
        break;
      case 'length':
        if (hasLength) return new Refusal('It has more than one Content-Length header.');
        hasLength = true;
        hasBody ||= value !== '0';
        headers.push(name, value);
        break;
      case 'encoding':
        if (isChunked || value.toLowerCase() !== 'chunked') {
          return new Refusal('Its Transfer-Encoding is not just "chunked".');
        }
        isChunked = true;
        hasBody = true;
        break;
      case 'dropped':
        break;
    }
  }
  if (isChunked && hasLength) return new Refusal('It has both Content-Length and Transfer-Encoding.');
  if (isChunked && request.httpVersionMinor === 0) return new Refusal('HTTP/1.0 knows no Transfer-Encoding.');
  if (authority === undefined) return new Refusal('It has no Host header.');
  const host = AUTHORITY.exec(authority.toLowerCase())?.[1];
  if (host === undefined) return new Refusal('Its Host header is not a host name.');
  const path = readPath(request.url ?? '', authority);
  if (path instanceof Refusal) return path;
  const kept = named === undefined ? headers : withoutNamed(headers, named);
  kept.push('Host', authority, 'X-Forwarded-For', clientAddress(request));
  kept.push('X-Forwarded-Host', authority, 'X-Forwarded-Proto', 'http');
  return { host, path, hasBody, headers: kept };
}

/** What only this proxy may say, also in the spelling that CGI and WSGI cannot tell from it. */
function isForged(lower: string): boolean {
  if (lower.startsWith('x-forwarded-')) return true;
  if (!lower.includes('_')) return false;
  const dashed = lower.replaceAll('_', '-');
  return dashed.startsWith('x-forwarded-') || MEANINGS.has(dashed);
}

function readPath(target: string, authority: string): string | Refusal {
  if (target.startsWith('/')) return target;
  const [, named, path] = ABSOLUTE.exec(target) ?? [];
  if (named === undefined || path === undefined)
    return new Refusal('Its target is neither a path nor an http URL.');
  if (named.toLowerCase() !== authority.toLowerCase()) {
    return new Refusal('The host of its target differs from its Host header.');
  }
  return path.startsWith('/') ? path : `/${path}`;
}

function clientAddress(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? 'unknown';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
