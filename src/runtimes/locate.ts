import { stat, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { Problem } from '../domain/errors.ts';
import type { Executable, Executables, Found, Runtime, Way } from './runtime.ts';

export interface Search {
  /** Paths that the operator named, by setting, such as OPENSTAGE_JAVA. */
  readonly overrides: Readonly<Record<string, string>>;
  /** The platform's PATH. */
  readonly path: string;
  readonly dataDir: string;
  /** Applications run as users of their own, so what only the platform can reach is of no use. */
  readonly areAppsOtherUsers: boolean;
}

export interface Locator {
  /** What runs a package of that file name here; a Problem of code `runtimeMissing` where nothing does. */
  find(runtime: Runtime, fileName?: string): Promise<Executables>;
  /** What was found, or what to install, in a sentence; for the list of runtimes. */
  describe(runtime: Runtime): Promise<string>;
}

/** Remembers the version of each path as long as the file is the same: asking a JVM costs 50 ms, a look at a file nothing. */
export function createLocator(search: Search): Locator {
  const known = new Map<string, { readonly stamp: string; readonly found: Found | undefined }>();

  async function probe(executable: Executable, path: string): Promise<Found | undefined> {
    const stamp = await stampOf(path);
    if (stamp === undefined) return undefined;
    const key = `${executable.name} ${path}`;
    const last = known.get(key);
    if (last?.stamp === stamp) return last.found;
    const found = await executable.probe(path);
    known.set(key, { stamp, found });
    return found;
  }

  async function findOne(executable: Executable, closed: string[]): Promise<Found | undefined> {
    const setting = settingOf(executable);
    if (setting !== undefined) {
      const [name, path] = setting;
      const found = await probe(executable, path);
      if (!found) {
        throw new Problem(
          'runtimeMissing',
          `${name} names ${path}, which is not a usable ${executable.name}; set it to the path of one, or unset it.`,
        );
      }
      return found;
    }
    const onPath = search.path.split(delimiter).filter((dir) => dir.startsWith('/'));
    const candidates = [
      ...executable.places(search.dataDir),
      ...onPath.flatMap((dir) => executable.commands.map((command) => join(dir, command))),
    ];
    for (const path of new Set(candidates)) {
      const found = await probe(executable, path);
      if (!found) continue;
      const barrier = search.areAppsOtherUsers ? await barrierTo(found.path) : undefined;
      if (barrier === undefined) return found;
      closed.push(`${found.path} is no use, because other users cannot pass ${barrier}`);
    }
    return undefined;
  }

  const settingOf = (executable: Executable) =>
    executable.settings
      .map((name) => [name, search.overrides[name] ?? ''] as const)
      .find(([, path]) => path !== '');

  async function open(way: Way, closed: string[]): Promise<Executables | undefined> {
    const executables = new Map<string, Found>();
    for (const executable of way) {
      const found = await findOne(executable, closed);
      if (found) executables.set(executable.name, found);
      else if (executable.isOptional !== true) return undefined;
    }
    return executables;
  }

  async function find(runtime: Runtime, fileName?: string): Promise<Executables> {
    const closed: string[] = [];
    const isNamed = (way: Way) => way.some((executable) => settingOf(executable) !== undefined);
    const ways = runtime.ways(fileName);
    for (const way of [...ways.filter(isNamed), ...ways.filter((each) => !isNamed(each))]) {
      const executables = await open(way, closed);
      if (executables) return executables;
    }
    const passedOver = [...new Set(closed)].map((sentence) => ` ${sentence}.`).join('');
    throw new Problem('runtimeMissing', `${runtime.missing}${passedOver}`);
  }

  async function describe(runtime: Runtime): Promise<string> {
    try {
      const found = [...(await find(runtime)).values()].map(({ version, path }) => `${version} at ${path}`);
      return [runtime.description, ...(found.length > 0 ? [`Found here: ${found.join(', ')}.`] : [])].join(
        ' ',
      );
    } catch (error) {
      if (error instanceof Problem) return `${runtime.description} ${error.message}`;
      throw error;
    }
  }

  return { find, describe };
}

async function stampOf(path: string): Promise<string | undefined> {
  const entry = await stat(path).catch(() => undefined);
  return entry && `${entry.dev}:${entry.ino}:${entry.size}:${entry.mtimeMs}`;
}

/** The first directory on the way to a path that users other than its owner cannot pass, or the file that they cannot read. */
export async function barrierTo(path: string): Promise<string | undefined> {
  for (const start of new Set([path, await realpath(path)])) {
    const directories: string[] = [];
    for (let dir = dirname(start); dir !== dirname(dir); dir = dirname(dir)) directories.unshift(dir);
    for (const dir of directories) if (((await stat(dir)).mode & 0o001) === 0) return `the directory ${dir}`;
  }
  return ((await stat(path)).mode & 0o004) === 0 ? `the file ${path}` : undefined;
}
