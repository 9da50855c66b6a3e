import { join } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { ask, isAtLeast } from './ask-version.ts';
import { mainClassOf } from './jar-file.ts';
import { inRelease, PackageTree } from './package-content.ts';
import { pathOf } from './procfile.ts';
import type { Launch } from '../domain/launch.ts';
import { dirname } from 'node:path';
import type { BuildContext, Executable, Found } from './runtime.ts';

export const java: Executable = {
  name: 'java',
  settings: ['OPENSTAGE_JAVA'],
  places: () => ['/usr/bin/java', '/usr/lib/jvm/default-java/bin/java', '/opt/homebrew/opt/openjdk/bin/java'],
  commands: ['java'],
  async probe(path) {
    const [, brand, version] =
      /^(openjdk|java) version "([^"]+)"/m.exec((await ask(path, '-version')) ?? '') ?? [];
    if (version === undefined || !isAtLeast(modern(version), '8')) return undefined;
    return { path, version: `${brand === 'openjdk' ? 'OpenJDK' : 'Java'} ${version}` };
  },
};

export const JAVA_MISSING =
  'Java 8 or newer is not installed on this host; install it (Debian: apt-get install default-jre-headless), or set ' +
  'OPENSTAGE_JAVA to the path of java.';

export function javaOf(build: BuildContext): Found {
  const found = build.executables.get(java.name);
  if (!found) throw new Problem('runtimeMissing', JAVA_MISSING);
  return found;
}

/** "1.8.0_392" is Java 8.0.392. */
const modern = (version: string): string => version.replace(/^1\./, '');

export const isJavaAtLeast = (found: Found, floor: string): boolean =>
  isAtLeast(modern(found.version.split(' ').at(-1) ?? ''), floor);

/** Of the memory that the flavor gives; the rest is for threads, classes and buffers. The JVM's own choice is a quarter. */
const HEAP_PERCENT = 70;

export function jvmOptions(found: Found): readonly string[] {
  const knowsPercentage = isJavaAtLeast(found, '10') || isJavaAtLeast(found, '8.0.191');
  return [
    ...(knowsPercentage ? [`-XX:MaxRAMPercentage=${HEAP_PERCENT}`] : []),
    '-Djava.awt.headless=true',
    '-Djava.io.tmpdir={{replicaDir}}/tmp',
  ];
}

/** The archives at the root of a package that end so. */
export async function archivesIn(root: string, ...endings: readonly string[]): Promise<readonly string[]> {
  const entries = await new PackageTree(root).entries();
  return entries
    .filter(
      ({ name, stats }) => stats.isFile() && endings.some((ending) => name.toLowerCase().endsWith(ending)),
    )
    .map(({ name }) => name);
}

export async function isExecutableJar(root: string, name: string): Promise<boolean> {
  await using file = await new PackageTree(root).open(name);
  return file !== undefined && (await mainClassOf(file, name)) !== undefined;
}

/** Starts the package's only archive by `java -jar`. */
export async function launchJar(build: BuildContext): Promise<Launch> {
  const found = javaOf(build);
  const root = build.dir;
  const [jar = ''] = await archivesIn(root, '.jar', '.war');
  return {
    argv: [found.path, ...jvmOptions(found), '-jar', inRelease(build, join(root, jar))],
    cwd: inRelease(build, root),
    env: { PATH: pathOf([dirname(found.path)]) },
    portVariables: ['SERVER_PORT'],
    files: [],
    runtimeVersion: found.version,
  };
}
