import { existsSync, readFileSync } from 'node:fs';
import type { Connection } from './domain/grants.ts';
import { SettingError } from './setting-error.ts';

/** What the settings file says of resources: a driver that runs what is placed there, or how applications reach it. */
export interface ResourceSettings {
  readonly resources: Readonly<Record<string, string>>;
  readonly connections: readonly Connection[];
}

type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const FACTS = ['host', 'port', 'user', 'password', 'database'] as const;
const MEMBERS = [...FACTS, 'password_file', 'projects', 'env'];

/** `rds/orders: {host, port, user, password, database, env, projects}` beside `cce: process`. */
export function readResources(content: unknown, file: string, region: string): ResourceSettings {
  const all = content ?? {};
  if (!isMembers(all)) {
    throw new SettingError(
      `${file}: "resources" must map a type, or type/id, to a driver, such as "cce: process".`,
    );
  }
  const resources: Record<string, string> = {};
  const connections: Connection[] = [];
  for (const [resource, value] of Object.entries(all)) {
    if (isMembers(value))
      connections.push(readConnection(resource, value, `${file}: resources.${resource}`, region));
    else if (value === 'process') resources[resource] = value;
    else {
      throw new SettingError(
        `${file}: resources.${resource} names the driver "${String(value)}"; there is "process".`,
      );
    }
  }
  return { resources, connections };
}

function readConnection(resource: string, sent: Members, where: string, region: string): Connection {
  const [, type, id] = /^([a-z0-9_-]+)\/(.+)$/i.exec(resource) ?? [];
  if (type === undefined || id === undefined)
    throw new SettingError(
      `${where} says how one resource is reached; name it by type/id, such as rds/orders.`,
    );
  const unknown = Object.keys(sent).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined)
    throw new SettingError(`${where} has the member "${unknown}"; expected some of ${MEMBERS.join(', ')}.`);
  const facts = FACTS.flatMap((name) => {
    const value = name === 'password' ? (sent[name] ?? passwordIn(sent['password_file'], where)) : sent[name];
    return value === undefined || value === null
      ? []
      : [[name.toUpperCase(), plain(value, `${where}.${name}`)]];
  });
  return {
    type: type.toLowerCase(),
    id,
    projects: projectsIn(sent['projects'], where) ?? [region],
    facts: Object.fromEntries(facts),
    env: variablesIn(sent['env'], where),
  };
}

function passwordIn(file: unknown, where: string): string | undefined {
  if (file === undefined || file === null) return undefined;
  const path = plain(file, `${where}.password_file`);
  if (!existsSync(path))
    throw new SettingError(`${where}.password_file is ${path}, which does not exist; create it.`);
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

function projectsIn(sent: unknown, where: string): readonly string[] | undefined {
  if (sent === undefined || sent === null) return undefined;
  if (!Array.isArray(sent))
    throw new SettingError(`${where}.projects must be a list of names of projects, or ["*"].`);
  return sent.map((name) => plain(name, `${where}.projects`));
}

function variablesIn(sent: unknown, where: string): Readonly<Record<string, string>> {
  if (sent === undefined || sent === null) return {};
  if (!isMembers(sent)) throw new SettingError(`${where}.env must map names of variables to their values.`);
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => [name, plain(value, `${where}.env.${name}`)]),
  );
}

function plain(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new SettingError(`${where} is no text; expected text or a number.`);
}
