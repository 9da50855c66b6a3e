import { dirname, join } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { ask, isAtLeast } from './ask-version.ts';
import { nodeProject } from './from-source.ts';
import { nodeCommands, npm, npmFor } from './npm.ts';
import { ownNodePath } from './own-node.ts';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import { launchByLine, pathOf, webLine } from './procfile.ts';
import type { BuildContext, Executable, Executables, Found, Runtime } from './runtime.ts';

const node: Executable = {
  name: 'node',
  settings: ['OPENSTAGE_NODE'],
  commands: ['node', 'nodejs'],
  // The Node that the platform itself runs on is there for certain.
  places: (dataDir) => [ownNodePath(dataDir), process.execPath],
  async probe(path) {
    const version = /^v(\d+\.\d+\.\d+)/.exec((await ask(path, '--version')) ?? '')?.[1];
    return version !== undefined && isAtLeast(version, '8')
      ? { path, version: `Node.js ${version}` }
      : undefined;
  },
};

interface Manifest {
  readonly start?: string;
  readonly main?: string;
  readonly hasDependencies: boolean;
}

export const nodejs8: Runtime = {
  name: 'Nodejs8',
  displayName: 'Node.js 8',
  defaultPort: 3000,
  description: 'Node.js 8 or newer; runs scripts.start or main of package.json, or server.js.',
  missing:
    'Node.js 8 or newer is not installed on this host where applications can reach it; install it (Debian: apt-get ' +
    'install nodejs), or set OPENSTAGE_NODE to the path of node.',
  ways: () => [[node, npm]],
  fromSource: {
    ...nodeProject,
    commands: async (executables) => {
      const { path } = nodeIn(executables);
      return nodeCommands(path, await npmFor(path, executables));
    },
  },

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    const manifest = await readManifest(root);
    if (manifest?.start !== undefined) return 'start script';
    if (manifest?.main !== undefined) {
      if (await isModule(root, manifest.main)) return 'main';
      throw unusable(
        `package.json names the main file "${manifest.main}", which the package does not hold (${await new PackageTree(root).holds()}).`,
      );
    }
    if (await new PackageTree(root).isFile('server.js')) return 'server.js';
    throw unusable(
      `This is not a Node.js package: ${await new PackageTree(root).holds()}. Expected a package.json with scripts.start or main, a ` +
        'server.js, or a Procfile with a "web:" line.',
    );
  },

  async prepare(build) {
    const root = build.dir;
    const manifest = await readManifest(root);
    if (manifest?.hasDependencies !== true || (await new PackageTree(root).isDirectory('node_modules')))
      return;
    const { path } = nodeOf(build);
    const found = await npmFor(path, build.executables);
    if (!found) {
      throw new Problem(
        'buildFailed',
        'package.json lists dependencies, the package holds no node_modules, and npm is not on this host to install ' +
          'them; put node_modules into the package, or install npm.',
      );
    }
    const isLocked =
      (await new PackageTree(root).firstFile(['package-lock.json', 'npm-shrinkwrap.json'])) !== undefined;
    const words = [isLocked ? 'ci' : 'install', '--omit=dev', '--no-audit', '--no-fund'];
    await build.run([found.node, found.cli, ...words], {
      cwd: root,
      env: { PATH: pathOf([dirname(path)]) },
      commands: nodeCommands(path, found),
    });
  },

  async launch(build) {
    const root = build.dir;
    const found = nodeOf(build);
    const dirs = [join(root, 'node_modules', '.bin'), dirname(found.path)];
    const base = { env: { NODE_ENV: 'production' }, portVariables: [], runtimeVersion: found.version };
    const line = await webLine(root);
    if (line !== undefined) return launchByLine(build, 'The Procfile', line, dirs, base);
    const manifest = await readManifest(root);
    if (manifest?.start !== undefined)
      return launchByLine(build, 'scripts.start of package.json', manifest.start, dirs, base);
    return {
      ...base,
      argv: [found.path, inRelease(build, join(root, manifest?.main ?? 'server.js'))],
      cwd: inRelease(build, root),
      env: { PATH: pathOf([dirname(found.path)]), ...base.env },
      files: [],
    };
  },
};

const nodeOf = (build: BuildContext): Found => nodeIn(build.executables);

function nodeIn(executables: Executables): Found {
  const found = executables.get(node.name);
  if (!found) throw new Problem('runtimeMissing', nodejs8.missing);
  return found;
}

async function readManifest(root: string): Promise<Manifest | undefined> {
  const text = await new PackageTree(root).smallText('package.json');
  if (text === undefined) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    // The parser's own sentence quotes what it read.
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    throw unusable(
      `package.json is not JSON${at === undefined ? '' : ` (from character ${at} on)`}; correct it and upload the package again.`,
    );
  }
  const start = textAt(memberOf(content, 'scripts'), 'start');
  const main = textAt(content, 'main');
  const dependencies = memberOf(content, 'dependencies');
  return {
    ...(start !== undefined && { start }),
    ...(main !== undefined && { main }),
    hasDependencies:
      typeof dependencies === 'object' && dependencies !== null && Object.keys(dependencies).length > 0,
  };
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;

function textAt(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' && member.trim() !== '' ? member : undefined;
}

/** As node finds a program that is named without its ending. */
async function isModule(root: string, main: string): Promise<boolean> {
  const names = [main, `${main}.js`, `${main}.cjs`, `${main}.mjs`, join(main, 'index.js')];
  return (await new PackageTree(root).firstFile(names)) !== undefined;
}
