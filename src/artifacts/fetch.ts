import type { IncomingMessage } from 'node:http';
import { Problem } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import type { ArtifactStore, Kept } from './artifact-store.ts';
import {
  checkedAddresses,
  checkUrl,
  machineAddresses,
  packages,
  resolveHost,
  shownUrl,
} from '../connections/destination.ts';
import type { Resolve } from '../connections/destination.ts';
import { explained, request } from '../connections/request.ts';
import { packageFileName } from './file-name.ts';
import type { FetchAllow } from '../connections/fetch-allow.ts';
import { refused } from './refused.ts';
import { orAborted } from '../connections/or-aborted.ts';

export interface FetchOptions {
  readonly store: ArtifactStore;
  readonly allow: FetchAllow;
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
  /** From the first look-up to the last byte. */
  readonly totalMs?: number;
  /** Without a byte. */
  readonly idleMs?: number;
  /** What the package must hash to. */
  readonly expect?: Digest;
  /** Seams: the name service and this machine's addresses. */
  readonly resolve?: Resolve;
  readonly own?: () => readonly string[];
}

export interface Fetched extends Kept {
  readonly fileName: string;
}

const MAX_BYTES = 2 * 1024 ** 3;
/** Below a job's deadline of 8 minutes, so that the job can say that it was the download. */
const TOTAL_MS = 6 * 60_000;
const IDLE_MS = 30_000;
const MAX_REDIRECTS = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Fetches a package once into the store. A Problem is final (forbidden, gone, too large, not what was expected);
 * anything else may pass and can be tried again (time, resets, 5xx).
 */
export async function fetchArtifact(address: string, options: FetchOptions): Promise<Fetched> {
  const { totalMs = TOTAL_MS } = options;
  const late = new Error(`The package did not arrive within ${totalMs} ms.`);
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(late), totalMs);
  const signal = AbortSignal.any([options.signal, ending.signal]);
  try {
    const asked = checkUrl(address, options.allow);
    const { response, url } = await follow(asked, options, signal);
    try {
      const kept = await receive(response, url, options, signal);
      const fileName = packageFileName(asked, response.headers['content-disposition'], url);
      return { ...kept, fileName };
    } finally {
      response.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function follow(
  asked: URL,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<{ readonly response: IncomingMessage; readonly url: URL }> {
  let url = asked;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await ask(url, options, signal);
    const status = response.statusCode ?? 0;
    if (status === 200) return { response, url };
    response.destroy();
    if (!redirects.has(status) || response.headers.location === undefined) throw refused(status, url);
    url = checkUrl(redirected(response.headers.location, url), options.allow);
  }
  throw new Problem(
    'artifactUnavailable',
    `${shownUrl(asked)} was redirected more than ${MAX_REDIRECTS} times; name the package's last address.`,
  );
}

const redirected = (location: string, from: URL): string =>
  URL.canParse(location, from.href) ? new URL(location, from).href : location;

async function ask(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { allow, resolve = resolveHost, own = machineAddresses, idleMs = IDLE_MS } = options;
  const addresses = await orAborted(checkedAddresses(url, { allow, resolve, own: own() }), signal);
  try {
    return await request(url, { addresses, idleMs, signal });
  } catch (error) {
    throw error instanceof Error ? explained(error, url, packages) : error;
  }
}

async function receive(
  response: IncomingMessage,
  url: URL,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Kept> {
  const { store, maxBytes = MAX_BYTES, expect } = options;
  const announced = Number(response.headers['content-length'] ?? 0);
  if (announced > maxBytes) {
    throw new Problem(
      'tooLarge',
      `${shownUrl(url)} has ${announced} bytes, more than the limit of ${maxBytes}; make the package smaller, or let the operator raise OPENSTAGE_MAX_PACKAGE_MIB.`,
    );
  }
  try {
    return await store.put(response, { maxBytes, signal, ...(expect === undefined ? {} : { expect }) });
  } catch (error) {
    throw error instanceof Error ? explained(error, url, packages) : error;
  }
}
