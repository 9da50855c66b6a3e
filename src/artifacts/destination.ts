import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalAddress, forbiddenKind } from '../domain/address.ts';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { bareHost, permitsAddress, permitsHost } from './fetch-allow.ts';
import type { Destination, FetchAllow } from './fetch-allow.ts';

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export const resolveHost: Resolve = (host) => lookup(host, { all: true });

/** Addresses of this machine: behind a public one the platform itself may listen. */
export const machineAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address));

/** A URL without what may be secret in it, for messages and logs. */
export const shownUrl = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

export function destinationOf(url: URL): Destination {
  const host = bareHost(url.hostname.replace(/^\[|\]$/g, ''));
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host, port };
}

/**
 * Everything that a URL tells by itself, so that a request can be refused before there is a job: form, scheme,
 * credentials, and an address written out in any spelling.
 */
export function checkUrl(text: string, allow: FetchAllow): URL {
  if (!URL.canParse(text)) {
    throw new Problem(
      'artifactUnavailable',
      `The package's address ${JSON.stringify(text.slice(0, 200))} is not a URL; expected http:// or https://, a host and a path.`,
    );
  }
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Problem(
      'addressForbidden',
      `The package's address begins with "${url.protocol}"; expected http:// or https://.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Problem(
      'addressForbidden',
      `The package's address ${shownUrl(url)} holds a user name or password; take it out, and upload the package to the package repository if its place asks for one.`,
    );
  }
  const destination = destinationOf(url);
  if (isIP(destination.host) !== 0) checkAddress(destination, destination.host, allow, []);
  return url;
}

/** Which addresses may be connected to. All of them are checked: a host of which one is forbidden is not asked at all. */
export async function checkedAddresses(
  url: URL,
  {
    allow,
    resolve,
    own,
  }: { readonly allow: FetchAllow; readonly resolve: Resolve; readonly own: readonly string[] },
): Promise<readonly LookupAddress[]> {
  const destination = destinationOf(url);
  const family = isIP(destination.host);
  const addresses =
    family === 0 ? await resolved(destination.host, resolve) : [{ address: destination.host, family }];
  for (const { address } of addresses) checkAddress(destination, address, allow, own);
  return addresses;
}

function checkAddress(
  destination: Destination,
  address: string,
  allow: FetchAllow,
  own: readonly string[],
): void {
  if (permitsHost(allow, destination) || permitsAddress(allow, address, destination.port)) return;
  const isOwn = own.some((mine) => canonicalAddress(mine) === canonicalAddress(address));
  const kind = forbiddenKind(address) ?? (isOwn ? 'an address of this machine' : undefined);
  if (kind === undefined) return;
  const { host, port } = destination;
  const named = isIP(host) === 0 ? host : address;
  const spelled = named.includes(':') ? `[${named}]` : named;
  throw new Problem(
    'addressForbidden',
    `Packages are not fetched from ${host === address ? address : `${host} (${address})`}: it is ${kind}. Upload the package to the package repository, or let the operator permit the host: OPENSTAGE_FETCH_ALLOW=${spelled}:${port}.`,
  );
}

async function resolved(host: string, resolve: Resolve): Promise<readonly LookupAddress[]> {
  try {
    const addresses = await resolve(host);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    if (systemCode(error) !== 'ENOTFOUND') {
      throw new Error(`The host ${host} cannot be looked up now (${systemCode(error) || String(error)}).`, {
        cause: error,
      });
    }
  }
  throw new Problem(
    'artifactUnavailable',
    `The package's host ${host} does not exist, as far as this machine's name service knows; correct the address.`,
  );
}
