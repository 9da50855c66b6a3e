import type { LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { canonicalAddress } from '../domain/address.ts';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { shownUrl, type Purpose } from './destination.ts';

export interface RequestOptions {
  /** GET by default. */
  readonly method?: string;
  /** Beside or instead of those that every request has, in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** The only addresses that may be connected to. */
  readonly addresses: readonly LookupAddress[];
  /** Between two bytes, and until the first. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** One request, connected to a checked address and to no other; resolves once the answer's head is there. */
export function request(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, addresses, idleMs, signal } = options;
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const asked = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      // A connection of its own: one from a pool might have been opened to an address that nobody checked.
      agent: false,
      method,
      lookup: pinned(addresses),
      signal,
      headers: {
        accept: '*/*',
        'user-agent': 'Openstage',
        ...(body && { 'content-length': String(body.length) }),
        ...headers,
        connection: 'close',
      },
    });
    asked.setTimeout(idleMs, () => {
      const silent = new Error(`${shownUrl(url)} was silent for ${idleMs} ms.`);
      // An answer that has begun would otherwise only say "aborted".
      answer?.destroy(silent);
      asked.destroy(silent);
    });
    asked.on('socket', (socket) => {
      socket.once('connect', () => {
        const reached = canonicalAddress(socket.remoteAddress ?? '');
        if (!addresses.some(({ address }) => canonicalAddress(address) === reached)) {
          asked.destroy(new Error(`${url.hostname} was reached at ${reached}, which had not been checked.`));
        }
      });
    });
    asked.once('response', (response) => {
      answer = response;
      resolve(response);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Answers with what was checked instead of asking again, so that the name cannot change its address in between. */
function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, options, callback) => {
    const fitting = addresses.filter(({ family }) => !options.family || options.family === family);
    const [first] = fitting;
    if (!first) callback(new Error('None of the checked addresses is of the family asked for.'), '', 0);
    else if (options.all) callback(null, [...fitting]);
    else callback(null, first.address, first.family);
  };
}

/** Of the peer's certificate or of TLS itself: asking again changes nothing. */
const isUntrusted = (code: string) =>
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$)/.test(code);

/** What may pass stays a plain error, which its caller may try again; what is final becomes a Problem. */
export function explained(error: Error, url: URL, { code: final }: Pick<Purpose, 'code'>): Error {
  const code = systemCode(error);
  if (error instanceof Problem || error.name === 'AbortError') return error;
  if (isUntrusted(code)) {
    return new Problem(
      final,
      `${shownUrl(url)} cannot be trusted (${error.message}); repair its certificate, or add its authority with NODE_EXTRA_CA_CERTS where the platform is started.`,
      {},
      { cause: error },
    );
  }
  if (code.startsWith('HPE_')) {
    return new Problem(
      final,
      `${shownUrl(url)} does not answer as an HTTP server should (${error.message}); correct the address.`,
      {},
      { cause: error },
    );
  }
  return code === ''
    ? error
    : new Error(`${shownUrl(url)} failed: ${error.message || code}.`, { cause: error });
}
