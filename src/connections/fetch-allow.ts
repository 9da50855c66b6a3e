import { isWithin, parseAddressRange } from '../domain/address.ts';
import type { AddressRange } from '../domain/address.ts';

/** What OPENSTAGE_FETCH_ALLOW permits beyond public addresses. */
export type FetchAllow = readonly Permission[];

type Permission = {
  /** Absent: every port. */
  readonly port?: number;
} & ({ readonly host: string } | { readonly range: AddressRange });

const HOST = /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/;

/** Hosts and address ranges by comma, each with or without ":port": "nexus.corp, 10.1.0.0/16, 127.0.0.1:8081, [fd00::5]:443". */
export function parseFetchAllow(text: string): FetchAllow {
  return text
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '')
    .map(parsePermission);
}

function parsePermission(item: string): Permission {
  const { name, port } = splitPort(item);
  const range = parseAddressRange(name);
  const at = port === undefined ? {} : { port };
  if (range) return { range, ...at };
  // A name of digits and dots only would be an address in disguise ("127.1"), which never equals a host that is looked up.
  if (HOST.test(name) && !/^[\d.]+$/.test(name)) return { host: bareHost(name), ...at };
  throw unreadable(item);
}

function splitPort(item: string): { readonly name: string; readonly port?: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(item);
  const plain = /^([^:]+):(\d{1,5})$/.exec(item);
  const [, name = item, digits] = bracketed ?? plain ?? [];
  if (digits === undefined) return { name };
  const port = Number(digits);
  if (port < 1 || port > 65_535) throw unreadable(item);
  return { name, port };
}

const unreadable = (item: string) =>
  new Error(
    `OPENSTAGE_FETCH_ALLOW holds "${item}"; expected hosts and address ranges by comma, with or without a port, such as "nexus.example.com, 10.1.0.0/16, 127.0.0.1:8081".`,
  );

/** The root's dot makes no other host. */
export const bareHost = (host: string): string => host.toLowerCase().replace(/\.$/, '');

export interface Destination {
  /** As the URL names it: without brackets, lower case. */
  readonly host: string;
  readonly port: number;
}

export function permitsHost(allow: FetchAllow, { host, port }: Destination): boolean {
  return allow.some(
    (permission) => 'host' in permission && permission.host === host && portFits(permission, port),
  );
}

export function permitsAddress(allow: FetchAllow, address: string, port: number): boolean {
  return allow.some(
    (permission) =>
      'range' in permission && isWithin(address, permission.range) && portFits(permission, port),
  );
}

const portFits = (permission: Permission, port: number) =>
  permission.port === undefined || permission.port === port;
