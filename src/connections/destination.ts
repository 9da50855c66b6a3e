import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalAddress, forbiddenKind } from '../domain/address.ts';
import { systemCode } from '../domain/disk-fault.ts';
import { Problem, type Code } from '../domain/errors.ts';
import { bareHost, permitsAddress, permitsHost } from './fetch-allow.ts';
import type { Destination, FetchAllow } from './fetch-allow.ts';

/** What a connection is for: the words of its refusals. */
export interface Purpose {
  /** Of a failure that asking again does not mend. */
  readonly code: Code;
  /** Begins a sentence, before "address" or "host". */
  readonly whose: string;
  /** Begins a sentence, before a host. */
  readonly never: string;
  /** What to do instead of asking a forbidden address, up to "the operator permit the host". */
  readonly instead: string;
  /** What to do about a user or password in an address. */
  readonly withoutUser: string;
}

export const packages: Purpose = {
  code: 'artifactUnavailable',
  whose: "The package's",
  never: 'Packages are not fetched from',
  instead: 'Upload the package to the package repository, or let',
  withoutUser: 'take it out, and upload the package to the package repository if its place asks for one',
};

export const gitHosts: Purpose = {
  code: 'gitInvalid',
  whose: "The git host's",
  never: 'Git hosts are not asked at',
  instead: 'Name another host, or let',
  withoutUser: 'take it out: the authorization holds it',
};

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
export function checkUrl(text: string, allow: FetchAllow, purpose: Purpose = packages): URL {
  const { code, whose } = purpose;
  if (!URL.canParse(text)) {
    throw new Problem(
      code,
      `${whose} address ${JSON.stringify(text.slice(0, 200))} is not a URL; expected http:// or https://, a host and a path.`,
    );
  }
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Problem(
      'addressForbidden',
      `${whose} address begins with "${url.protocol}"; expected http:// or https://.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Problem(
      'addressForbidden',
      `${whose} address ${shownUrl(url)} holds a user name or password; ${purpose.withoutUser}.`,
    );
  }
  const destination = destinationOf(url);
  if (isIP(destination.host) !== 0) checkAddress(destination, destination.host, allow, [], purpose);
  return url;
}

/** Which addresses may be connected to. All of them are checked: a host of which one is forbidden is not asked at all. */
export async function checkedAddresses(
  url: URL,
  {
    allow,
    resolve,
    own,
    purpose = packages,
  }: {
    readonly purpose?: Purpose;
    readonly allow: FetchAllow;
    readonly resolve: Resolve;
    readonly own: readonly string[];
  },
): Promise<readonly LookupAddress[]> {
  const destination = destinationOf(url);
  const family = isIP(destination.host);
  const addresses =
    family === 0
      ? await resolved(destination.host, resolve, purpose)
      : [{ address: destination.host, family }];
  for (const { address } of addresses) checkAddress(destination, address, allow, own, purpose);
  return addresses;
}

function checkAddress(
  destination: Destination,
  address: string,
  allow: FetchAllow,
  own: readonly string[],
  { never, instead }: Purpose,
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
    `${never} ${host === address ? address : `${host} (${address})`}: it is ${kind}. ${instead} the operator permit the host: OPENSTAGE_FETCH_ALLOW=${spelled}:${port}.`,
  );
}

async function resolved(
  host: string,
  resolve: Resolve,
  { code, whose }: Purpose,
): Promise<readonly LookupAddress[]> {
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
    code,
    `${whose} host ${host} does not exist, as far as this machine's name service knows; correct the address.`,
  );
}
