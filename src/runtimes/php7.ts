import { join } from 'node:path';
import type { Launch } from '../domain/launch.ts';
import { apache, apacheFiles, modPhp } from './apache.ts';
import { ask, isAtLeast } from './ask-version.ts';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import { launchByLine, pathOf, webLine } from './procfile.ts';
import type { BuildContext, Executable, Runtime } from './runtime.ts';

const php: Executable = {
  name: 'php',
  settings: ['OPENSTAGE_PHP'],
  places: () => ['/usr/bin/php', '/usr/local/bin/php', '/opt/homebrew/bin/php'],
  commands: ['php'],
  async probe(path) {
    const version = /^PHP (\d+\.\d+\.\d+)/m.exec((await ask(path, '--version')) ?? '')?.[1];
    return version !== undefined && isAtLeast(version, '7') ? { path, version: `PHP ${version}` } : undefined;
  },
};

/** PHP's own server answers one request at a time per worker. */
const WORKERS = 4;

export const php7: Runtime = {
  name: 'Php7',
  displayName: 'PHP 7',
  defaultPort: 80,
  description: "PHP 7 or newer on Apache, else on PHP's own server; serves public/ or the package's root.",
  missing:
    'PHP 7 or newer is not installed on this host; install it (Debian: apt-get install apache2 libapache2-mod-php, or ' +
    "php-cli for PHP's own server), or set OPENSTAGE_PHP to the path of php.",
  ways: () => [[apache, modPhp], [php]],

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    if (await new PackageTree(root).isFile('public/index.php')) return 'public';
    if (await new PackageTree(root).isFile('index.php')) return 'root';
    throw unusable(
      `This is not a PHP package: ${await new PackageTree(root).holds()}. Expected an index.php at the root or in public/, or a Procfile ` +
        'with a "web:" line.',
    );
  },

  async launch(build) {
    const root = build.dir;
    const version = versionOf(build);
    if (build.form === 'procfile') {
      const line = (await webLine(root)) ?? '';
      return launchByLine(build, 'The Procfile', line, [], {
        env: {},
        portVariables: [],
        runtimeVersion: version,
      });
    }
    const documents = inRelease(build, build.form === 'public' ? join(root, 'public') : root);
    const [server, module] = [build.executables.get(apache.name), build.executables.get(modPhp.name)];
    const common: Omit<Launch, 'argv'> = {
      cwd: inRelease(build, root),
      env: { PATH: pathOf([]) },
      portVariables: [],
      files: [],
      runtimeVersion: version,
    };
    if (server && module) {
      return {
        ...common,
        argv: [server.path, '-D', 'FOREGROUND', '-f', '{{replicaDir}}/apache.conf'],
        files: await apacheFiles(documents, module.path),
        runtimeVersion: `${version} on ${server.version}`,
      };
    }
    return {
      ...common,
      argv: [
        build.executables.get(php.name)?.path ?? '/usr/bin/php',
        '-S',
        '127.0.0.1:{{port}}',
        '-t',
        documents,
      ],
      env: { ...common.env, PHP_CLI_SERVER_WORKERS: String(WORKERS) },
      runtimeVersion: `${version} built-in server`,
    };
  },
};

const versionOf = ({ executables }: BuildContext): string =>
  (executables.get(modPhp.name) ?? executables.get(php.name))?.version ?? 'PHP';
