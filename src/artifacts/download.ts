import type { LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { canonicalAddress } from '../domain/address.ts';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { shownUrl } from './destination.ts';

export interface GetOptions {
  /** The only addresses that may be connected to. */
  readonly addresses: readonly LookupAddress[];
  /** Between two bytes, and until the first. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** One GET, connected to a checked address and to no other; resolves once the answer's head is there. */
export function get(url: URL, { addresses, idleMs, signal }: GetOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      // A connection of its own: one from a pool might have been opened to an address that nobody checked.
      agent: false,
      lookup: pinned(addresses),
      signal,
      headers: { accept: '*/*', 'user-agent': 'Openstage', connection: 'close' },
    });
    request.setTimeout(idleMs, () => {
      const silent = new Error(`${shownUrl(url)} was silent for ${idleMs} ms.`);
      // An answer that has begun would otherwise only say "aborted".
      answer?.destroy(silent);
      request.destroy(silent);
    });
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        const reached = canonicalAddress(socket.remoteAddress ?? '');
        if (!addresses.some(({ address }) => canonicalAddress(address) === reached)) {
          request.destroy(
            new Error(`${url.hostname} was reached at ${reached}, which had not been checked.`),
          );
        }
      });
    });
    request.once('response', (response) => {
      answer = response;
      resolve(response);
    });
    request.on('error', (error) => reject(explained(error, url)));
    request.end();
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
export function explained(error: Error, url: URL): Error {
  const code = systemCode(error);
  if (error instanceof Problem || error.name === 'AbortError') return error;
  if (isUntrusted(code)) {
    return new Problem(
      'artifactUnavailable',
      `${shownUrl(url)} cannot be trusted (${error.message}); repair its certificate, or add its authority with NODE_EXTRA_CA_CERTS where the platform is started.`,
      {},
      { cause: error },
    );
  }
  if (code.startsWith('HPE_')) {
    return new Problem(
      'artifactUnavailable',
      `${shownUrl(url)} does not answer as an HTTP server should (${error.message}); correct the address.`,
      {},
      { cause: error },
    );
  }
  return code === ''
    ? error
    : new Error(`${shownUrl(url)} failed: ${error.message || code}.`, { cause: error });
}

const mayPass: ReadonlySet<number> = new Set([408, 425, 429]);

/** What an answer without a package means. */
export function refused(status: number, url: URL): Error {
  const said = `${shownUrl(url)} answered ${status}`;
  if (status >= 500 || mayPass.has(status)) return new Error(`${said}.`);
  const advice =
    status === 401 || status === 403
      ? 'it must be readable without a login: open it, or upload the package to the package repository'
      : status === 404 || status === 410
        ? 'there is no such package: correct the address'
        : 'expected 200 and a package: correct the address';
  return new Problem('artifactUnavailable', `${said}; ${advice}.`);
}
