import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { extract } from 'tar';
import { Problem } from '../domain/errors.ts';
import { fetchFromRepository, fetchThroughMaven, type Artifact } from './maven.ts';
import type { Found } from './runtime.ts';
import { installedTomcat, tomcat } from './tomcat.ts';

export interface Installation {
  readonly dataDir: string;
  /** Maven repository to fetch from; absent: through mvn, with its own settings. */
  readonly mavenUrl?: string;
  /** The platform's PATH, where mvn is looked for. */
  readonly path: string;
  /** Told what happens, a sentence at a time. */
  readonly tell: (message: string) => void;
}

/** The last Tomcat that serves javax.servlet, for which packages of Tomcat 8's time were written. */
const TOMCAT: Artifact = {
  group: 'org.apache.tomcat',
  name: 'tomcat',
  type: 'tar.gz',
  series: '9.0',
  // Older ones are not worth a look: each version in a range costs Maven a request.
  oldest: '9.0.100',
};
/** What serving needs; Tomcat's own web applications stay out. */
const NEEDED = /^[^/]+\/(bin|lib|conf|LICENSE|NOTICE)/;

/** Fetches a runtime into the data directory; a Problem where it cannot. */
export async function installRuntime(name: string, installation: Installation): Promise<Found> {
  if (name !== 'Tomcat8') {
    throw new Problem(
      'runtimeUnknown',
      `"${name}" cannot be installed by this command; expected Tomcat8. Other runtimes come from your distribution.`,
    );
  }
  const home = installedTomcat(installation.dataDir);
  await mkdir(home, { recursive: true });
  // The umask may have closed them to applications.
  for (const dir of [dirname(home), home]) await chmod(dir, 0o755);
  const workDir = await mkdtemp(join(home, '.new-'));
  try {
    const { mavenUrl, path, tell } = installation;
    const fetched =
      mavenUrl === undefined
        ? await fetchThroughMaven(TOMCAT, path, workDir, tell)
        : await fetchFromRepository(TOMCAT, mavenUrl, workDir, tell);
    const unpacked = join(workDir, 'tomcat');
    await mkdir(unpacked);
    await extract({ file: fetched.file, cwd: unpacked, strip: 1, filter: (entry) => NEEDED.test(entry) });
    await openToAll(unpacked);
    // A version has a directory of its own, because releases that ran on another one name that.
    const target = join(home, fetched.version);
    await rm(target, { recursive: true, force: true });
    await rename(unpacked, target);
    const found = await tomcat.probe(target);
    if (!found)
      throw new Problem(
        'artifactUnavailable',
        `What was fetched as Tomcat ${fetched.version} is not a usable Tomcat; try another repository.`,
      );
    tell(`Installed ${found.version} in ${target}.`);
    return found;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Applications run as other users; the archive gives its files to their owner only. */
async function openToAll(dir: string): Promise<void> {
  const names = await readdir(dir, { recursive: true });
  for (const path of [dir, ...names.map((name) => join(dir, name))]) {
    const { mode } = await stat(path);
    await chmod(path, (mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
