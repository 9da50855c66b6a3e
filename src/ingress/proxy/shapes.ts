import { instanceId } from '../../domain/ids.ts';
import type { Prefix, Route, RouteTable, Target } from '../../domain/routes.ts';

/** What comes from a file or a socket is checked before it has a type. */
export function readTable(value: unknown): RouteTable {
  const table = readRecord(value, 'table');
  return {
    version: readInteger(table['version'], 'table.version', Number.MAX_SAFE_INTEGER),
    routes: readList(table['routes'], 'table.routes', readRoute),
  };
}

function readRoute(value: unknown, name: string): Route {
  const route = readRecord(value, name);
  const absence = route['absence'];
  const prefixes = route['prefixes'];
  return {
    instance: instanceId(readText(route['instance'], `${name}.instance`)),
    hosts: readList(route['hosts'], `${name}.hosts`, readText),
    ...(prefixes === undefined ? {} : { prefixes: readList(prefixes, `${name}.prefixes`, readPrefix) }),
    targets: readList(route['targets'], `${name}.targets`, readTarget),
    ...(absence === undefined ? {} : { absence: readText(absence, `${name}.absence`) }),
  };
}

function readPrefix(value: unknown, name: string): Prefix {
  const prefix = readRecord(value, name);
  return { host: readText(prefix['host'], `${name}.host`), path: readText(prefix['path'], `${name}.path`) };
}

function readTarget(value: unknown, name: string): Target {
  const target = readRecord(value, name);
  const user = target['user'];
  return {
    replica: readText(target['replica'], `${name}.replica`),
    host: readText(target['host'], `${name}.host`),
    port: readInteger(target['port'], `${name}.port`, 65535),
    ...(user === undefined ? {} : { user: readInteger(user, `${name}.user`, MAX_USER) }),
  };
}

const MAX_USER = 2 ** 32 - 2;

function readList<T>(value: unknown, name: string, read: (item: unknown, name: string) => T): T[] {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list.`);
  return value.map((item: unknown, index) => read(item, `${name}[${String(index)}]`));
}

export function readRecord(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new Error(`${name} is not an object.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is not text.`);
  return value;
}

export function readInteger(value: unknown, name: string, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most) {
    throw new Error(`${name} is not a whole number from 0 to ${String(most)}.`);
  }
  return value;
}
