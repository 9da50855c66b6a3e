import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ask } from './ask-version.ts';
import { isFile } from './host-files.ts';
import type { Commands, Executable, Executables } from './runtime.ts';

const CLI = 'npm-cli.js';

/** npm's program, which some Node runs; for packages that come without their dependencies, and for builds. */
export const npm: Executable = {
  name: 'npm',
  settings: [],
  places: () => ['/usr/bin/npm', '/usr/local/bin/npm', '/opt/homebrew/bin/npm'],
  commands: ['npm'],
  isOptional: true,
  async probe(path) {
    const program = await realpath(path);
    if (!program.endsWith(`/${CLI}`)) return undefined;
    const manifest = await readFile(join(dirname(dirname(program)), 'package.json'), 'utf8').catch(() => '');
    const version = /"version":\s*"(\d+\.\d+\.\d+)/.exec(manifest)?.[1];
    return version === undefined ? undefined : { path: program, version: `npm ${version}` };
  },
};

export const NPM_MISSING =
  'npm is not on this host; install it (Debian: apt-get install npm), or set OPENSTAGE_NODE to the node of a Node.js that brings its own npm.';

/** A Node and the npm that runs on it. */
export interface NodeAndNpm {
  readonly node: string;
  readonly cli: string;
}

/**
 * The npm that came with the Node that runs, else the host's: on that Node, or where a distribution's npm finds its
 * modules by the distribution's Node alone, on that one. Each is asked, since none can be told from its place.
 */
export async function npmFor(node: string, executables: Executables): Promise<NodeAndNpm | undefined> {
  const found = executables.get(npm.name)?.path;
  const own = join(dirname(dirname(await realpath(node))), 'lib', 'node_modules', 'npm', 'bin', CLI);
  const candidates: NodeAndNpm[] = [];
  if (await isFile(own)) candidates.push({ node, cli: own });
  if (found !== undefined) {
    candidates.push({ node, cli: found });
    for (const place of HOST_NODES) if (await isFile(place)) candidates.push({ node: place, cli: found });
  }
  for (const each of candidates) if (await answers(each)) return each;
  return undefined;
}

/** Where distributions put the Node that their npm belongs to. */
const HOST_NODES = ['/usr/bin/node', '/usr/bin/nodejs', '/usr/local/bin/node'];

/** What a step finds first by these names; npm's own scripts find the same Node. */
export function nodeCommands(node: string, both: NodeAndNpm | undefined): Commands {
  const own = basename(node) === 'node' ? {} : { node: [node] };
  if (!both) return { ...own, npm: { missing: NPM_MISSING }, npx: { missing: NPM_MISSING } };
  const npx = join(dirname(both.cli), 'npx-cli.js');
  return { ...own, npm: [both.node, both.cli], npx: [both.node, npx] };
}

const answers = async ({ node, cli }: NodeAndNpm): Promise<boolean> =>
  /^\d+\.\d+\.\d+\s*$/m.test((await ask(node, cli, '--version')) ?? '');
