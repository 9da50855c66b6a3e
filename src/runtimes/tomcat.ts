import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isAtLeast } from './ask-version.ts';
import { readEntry } from './jar-file.ts';
import { firstFile, isDirectory, isFile } from './host-files.ts';
import type { Executable, Found } from './runtime.ts';

/** Where `openstage runtime install Tomcat8` puts it, each version in a directory of its own. */
export const installedTomcat = (dataDir: string): string => join(dataDir, 'runtimes', 'Tomcat8');

/** A directory, CATALINA_HOME; Tomcat is started by java, not by its scripts. */
export const tomcat: Executable = {
  name: 'tomcat',
  settings: ['OPENSTAGE_TOMCAT', 'CATALINA_HOME'],
  places: (dataDir) => [
    installedTomcat(dataDir),
    '/usr/share/tomcat10',
    '/usr/share/tomcat9',
    '/usr/share/tomcat',
    '/opt/tomcat',
    '/usr/local/tomcat',
    '/opt/homebrew/opt/tomcat/libexec',
  ],
  commands: [],
  async probe(path) {
    const home = await homeIn(path);
    if (home === undefined) return undefined;
    const info = await readEntry(
      join(home, 'lib', 'catalina.jar'),
      'catalina.jar',
      'org/apache/catalina/util/ServerInfo.properties',
    );
    const version = /^server\.number=(\d+\.\d+\.\d+)/m.exec(info ?? '')?.[1];
    return version !== undefined && isAtLeast(version, '8.5')
      ? { path: home, version: `Tomcat ${version}` }
      : undefined;
  },
};

/** The directory itself, or the newest of the versions that were installed in it. */
async function homeIn(path: string): Promise<string | undefined> {
  if (await isHome(path)) return path;
  if (!(await isDirectory(path))) return undefined;
  const versions = (await readdir(path)).filter((name) => /^\d+(\.\d+)+$/.test(name));
  const [newest] = versions.sort((one, other) => (isAtLeast(one, other) ? -1 : 1));
  return newest !== undefined && (await isHome(join(path, newest))) ? join(path, newest) : undefined;
}

const isHome = async (path: string): Promise<boolean> =>
  (await isFile(join(path, 'lib', 'catalina.jar'))) && (await isFile(join(path, 'bin', 'bootstrap.jar')));

/** The tool that rewrites javax.servlet to jakarta.servlet: a .jar, brought by Tomcat 10 itself or by a package of the distribution. */
export const migrationTool: Executable = {
  name: 'jakartaee-migration',
  settings: [],
  places: () => ['/usr/share/tomcat-jakartaee-migration/lib', '/usr/share/java'],
  commands: [],
  isOptional: true,
  probe: async (path) => migrationJarIn(path),
};

export async function migrationJarIn(dir: string): Promise<Found | undefined> {
  if (!(await isDirectory(dir))) return undefined;
  const names = (await readdir(dir)).filter((name) => /^jakartaee-migration-[\d.]+-shaded\.jar$/.test(name));
  const newest = names.sort().at(-1);
  return newest === undefined
    ? undefined
    : {
        path: join(dir, newest),
        version: newest.replace(/-shaded\.jar$/, '').replace('jakartaee-migration-', 'migration tool '),
      };
}

export const hasJavax = (found: Found): boolean => !isAtLeast(found.version.replace('Tomcat ', ''), '10');

/** Tomcat's own defaults for web applications: the servlets for files and JSP, and the types of files. */
export async function defaultWebXml(home: string): Promise<string | undefined> {
  const name = await firstFile(home, ['conf/web.xml', 'etc/web.xml']);
  return name === undefined ? undefined : join(home, name);
}
