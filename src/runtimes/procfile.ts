import { join } from 'node:path';
import type { Launch } from '../domain/launch.ts';
import { isExecutableFile } from './host-files.ts';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import type { BuildContext } from './runtime.ts';
import { splitStartLine } from './start-line.ts';

const BASH_PLACES = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash'];
const SYSTEM_PATH = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/opt/homebrew/bin',
];

/** The command of the `web:` line of a package's Procfile, which wins for all runtimes. */
export async function webLine(dir: string): Promise<string | undefined> {
  const text = await new PackageTree(dir).smallText('Procfile');
  if (text === undefined) return undefined;
  const line = text
    .split(/\r?\n/)
    .map((each) => /^web\s*:\s*(.*\S)\s*$/.exec(each)?.[1])
    .find((each) => each !== undefined);
  if (line === undefined) {
    throw unusable('The Procfile has no "web:" line; expected one such as "web: node server.js".');
  }
  return line;
}

/** PATH of an application: its own directories first, then the system's. */
export const pathOf = (dirs: readonly string[]): string => [...dirs, ...SYSTEM_PATH].join(':');

/** The words that start a line, resolved so that no shell is needed; `where` is what the line came from, for messages. */
export async function startArgv(
  build: BuildContext,
  where: string,
  line: string,
  dirs: readonly string[],
  bashPlaces: readonly string[] = BASH_PLACES,
): Promise<readonly string[]> {
  const split = splitStartLine(line);
  if ('needsShell' in split) return [await bash(where, split.needsShell, bashPlaces), '-c', line];
  const [command, ...rest] = split.words;
  if (command === undefined)
    throw unusable(`${where} is empty; expected the command that starts the application.`);
  return [...(await resolveCommand(build, where, command, dirs)), ...rest];
}

/** A launch by a start line; `dirs` come first on PATH. */
export async function launchByLine(
  build: BuildContext,
  where: string,
  line: string,
  dirs: readonly string[],
  rest: Pick<Launch, 'env' | 'portVariables' | 'runtimeVersion'>,
): Promise<Launch> {
  return {
    argv: await startArgv(build, where, line, dirs),
    cwd: inRelease(build, build.dir),
    env: { PATH: pathOf(dirs.map((dir) => placed(build, dir))), ...rest.env },
    portVariables: rest.portVariables,
    files: [],
    runtimeVersion: rest.runtimeVersion,
  };
}

/** bash, because sh drops variables whose names it could not set itself, such as "log-level". */
async function bash(where: string, cause: string, places: readonly string[]): Promise<string> {
  for (const path of places) if (await isExecutableFile(path)) return path;
  throw unusable(
    `${where} holds "${cause}", which needs bash, which is not on this host; install bash, or write a ` +
      'command without shell syntax (words, quotes and $PORT).',
  );
}

async function resolveCommand(
  build: BuildContext,
  where: string,
  command: string,
  dirs: readonly string[],
): Promise<readonly string[]> {
  const root = build.dir;
  const tree = new PackageTree(build.buildDir);
  const candidates = command.includes('/')
    ? [command.startsWith('/') ? command : join(root, command)]
    : [...dirs, ...SYSTEM_PATH].map((dir) => join(dir, command));
  for (const path of candidates) {
    const below = belowBuild(build, path);
    const isFound = below === undefined ? isExecutableFile(path) : tree.isExecutableFile(below);
    if (await isFound) return runnable(build, path);
  }
  throw unusable(
    `${where} starts "${command}", which is ${command.includes('/') ? 'not an executable file of the package' : 'neither in the package nor on this host'}; ` +
      `expected a command that is installed or an executable file in the package${command.includes('/') ? ` (chmod +x ${command} before packing)` : ''}.`,
  );
}

/** A script whose interpreter is a file of the build is started through it: the first line holds a path that the build may leave. */
async function runnable(build: BuildContext, path: string): Promise<readonly string[]> {
  const below = belowBuild(build, path);
  const tree = new PackageTree(build.buildDir);
  const [interpreter] = below === undefined ? [] : ((await tree.interpreterOf(below)) ?? []);
  if (interpreter?.startsWith(`${build.buildDir}/`) === true)
    return [placed(build, interpreter), placed(build, path)];
  return [placed(build, path)];
}

const belowBuild = ({ buildDir }: BuildContext, path: string): string | undefined =>
  path.startsWith(`${buildDir}/`) ? path.slice(buildDir.length + 1) : undefined;

const placed = (build: BuildContext, path: string): string =>
  path.startsWith(`${build.buildDir}/`) ? inRelease(build, path) : path;
