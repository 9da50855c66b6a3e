import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the official clients for other languages are installed: outside of the project, shared by its checkouts. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'openstage-clients');

export const pythonPlace = join(cache, 'python');
export const goDriver = join(cache, 'go', 'driver');
export const javaPlace = join(cache, 'java');
export const javaClassPath = join(javaPlace, 'classpath');

export interface Client {
  readonly name: string;
  /** The package and its version, as users install it. */
  readonly package: string;
  /** What a user of it has to know here, in a sentence or two. */
  readonly notes: string;
  /** Calls by method and path, so that no operation is out of its reach. */
  readonly takesAnyPath: boolean;
  /** Undefined where it is not installed. */
  readonly argv: () => readonly string[] | undefined;
}

const here = import.meta.dirname;

export const node: Client = {
  name: 'Node',
  package: '`@huaweicloud/huaweicloud-sdk-core` 3.1.211',
  notes:
    'It has no ServiceStage package and takes any path; it needs `uuid` beside it, and trusts the platform by `NODE_EXTRA_CA_CERTS`. It reads keys and identity address from the environment, never the endpoint.',
  takesAnyPath: true,
  argv: () => [process.execPath, '--disable-warning=ExperimentalWarning', join(here, 'node-driver-child.ts')],
};

/** Installed by `node bin/run.mjs scripts/install-clients.ts`, as `.ci/run` does. */
export const others: readonly Client[] = [
  {
    name: 'Python',
    package: '`huaweicloudsdkservicestage` 3.1.219',
    notes: 'Reads keys, endpoint and identity address from the environment.',
    takesAnyPath: false,
    argv: () => {
      const python = join(pythonPlace, 'bin', 'python');
      return existsSync(python) ? [python, join(here, 'python', 'driver.py')] : undefined;
    },
  },
  {
    name: 'Java',
    package: '`com.huaweicloud.sdk:huaweicloud-sdk-servicestage` 3.1.143',
    notes: 'Reads keys, endpoint and identity address from the environment.',
    takesAnyPath: false,
    argv: () =>
      existsSync(javaClassPath)
        ? ['java', '-cp', `${javaPlace}:${readFileSync(javaClassPath, 'utf8').trim()}`, 'Driver']
        : undefined,
  },
  {
    name: 'Go',
    package: '`github.com/huaweicloud/huaweicloud-sdk-go-v3` 0.1.207',
    notes: 'Reads keys, endpoint and identity address from the environment.',
    takesAnyPath: false,
    argv: () => (existsSync(goDriver) ? [goDriver] : undefined),
  },
];
