import type { ReferResource } from './release.ts';
import { isAbsolute, isWithin } from './volume.ts';

/** What the operator lets projects have of the host and of what runs beside it. */
export interface Grants {
  readonly hostPaths: readonly HostPath[];
  readonly connections: readonly Connection[];
  /** Volumes can be at absolute paths: the platform is root, on Linux. */
  readonly mayMount: boolean;
  /** Where the platform keeps everything; no application is to cover it. */
  readonly dataDir: string;
}

/** Names of projects; `*` is every one. */
type Projects = readonly string[];

export interface HostPath {
  readonly dir: string;
  readonly projects: Projects;
}

/** How an application reaches a resource that a project's environments may name. */
export interface Connection {
  readonly type: string;
  readonly id: string;
  readonly projects: Projects;
  /** By the names behind the prefix: HOST, PORT, USER, PASSWORD, DATABASE. */
  readonly facts: Readonly<Record<string, string>>;
  /** Besides, under names of the operator's own. */
  readonly env: Readonly<Record<string, string>>;
}

export const isGranted = ({ projects }: { readonly projects: Projects }, project: string): boolean =>
  projects.includes('*') || projects.includes(project);

/**
 * "/srv/shared" is for the project of the region, "team:/srv/team" for the one of that name, "*:/srv/all" for all;
 * several by comma. Throws where one is not an absolute path.
 */
export function readHostPaths(text: string, region: string): readonly HostPath[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const colon = part.indexOf(':');
      const dir = part.slice(colon + 1).replace(/(?<=.)\/+$/, '');
      if (!isAbsolute(dir) || dir === '/' || dir.split('/').some((name) => name === '..' || name === '.'))
        throw new Error(
          `expected absolute directories other than /, by comma, such as /srv/data or team:/srv/team; "${part}" is none`,
        );
      return { dir, projects: [colon === -1 ? region : part.slice(0, colon)] };
    });
}

/** The directory that the operator allows and the path lies in; absent: it lies in none. */
export const grantedRoot = ({ hostPaths }: Grants, project: string, path: string): string | undefined =>
  hostPaths.find((each) => isGranted(each, project) && isWithin(path, each.dir))?.dir;

/** The connections behind references, in their order; a reference without one gives nothing. */
export function connectionsOf(
  { connections }: Grants,
  project: string,
  referred: readonly ReferResource[],
): readonly { readonly reference: ReferResource; readonly connection: Connection }[] {
  return referred.flatMap((reference) => {
    const connection = connections.find(
      ({ type, id }) => type === reference.type.toLowerCase() && id === reference.id,
    );
    return connection && isGranted(connection, project) ? [{ reference, connection }] : [];
  });
}

const BOTH_ALIASES = 'distributed_session, distributed_cache';

/**
 * What an application sees of the resources that its instance refers to: RDS_HOST, RDS_PORT ... of the first of a
 * type, RDS_ORDERS_HOST ... of each by its id, DISTRIBUTED_SESSION_HOST ... of a dcs by its alias.
 */
export function variablesOf(
  grants: Grants,
  project: string,
  referred: readonly ReferResource[],
): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  // A name that two resources could have is wholly the first one's: never the host of one with the port of another.
  const taken = new Set<string>();
  for (const { reference, connection } of connectionsOf(grants, project, referred)) {
    const type = constant(connection.type);
    const prefixes = [type, `${type}_${constant(connection.id)}`, ...aliasesOf(connection.type, reference)];
    for (const prefix of prefixes.filter((each) => !taken.has(each))) {
      taken.add(prefix);
      for (const [name, value] of Object.entries(connection.facts)) variables.set(`${prefix}_${name}`, value);
    }
    for (const [name, value] of Object.entries(connection.env)) variables.set(name, value);
  }
  return variables;
}

function aliasesOf(type: string, { refer_alias: alias }: ReferResource): readonly string[] {
  if (type !== 'dcs') return [];
  return (alias || BOTH_ALIASES)
    .split(',')
    .map(constant)
    .filter((name) => name !== '');
}

const constant = (text: string): string =>
  text
    .trim()
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
