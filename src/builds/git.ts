import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Problem } from '../domain/errors.ts';
import type { BuildLog } from './build-log.ts';
import { PATH } from './confine.ts';
import { type Fence, runStep, type StepLimits } from './run-step.ts';

/** A repository that may be asked. */
export interface Repository {
  /** http or https, without credentials. */
  readonly url: string;
  /** The only addresses that may be connected to, all of them checked. */
  readonly addresses: readonly string[];
  readonly credential?: { readonly user: string; readonly password: string };
  /** Certificate authorities beside the system's own. */
  readonly caFile?: string;
}

/** Where and how git works. */
export interface GitPlace {
  /** What git may write to. */
  readonly dir: string;
  /** A user of its own, not that of build commands: its environment holds the credential. */
  readonly user?: number;
  readonly fence?: Fence;
  readonly limits?: Partial<StepLimits>;
  readonly log: BuildLog;
  readonly signal: AbortSignal;
}

/** Runs git on a repository, and answers with what it printed. Throws a Problem where asking again changes nothing. */
export async function git(
  args: readonly string[],
  repository: Repository,
  place: GitPlace,
  cwd: string = place.dir,
): Promise<string> {
  try {
    return await runStep({
      argv: ['git', ...args],
      dir: place.dir,
      cwd,
      env: environment(repository),
      signal: place.signal,
      ...(place.fence && { fence: place.fence }),
      ...(place.limits && { limits: place.limits }),
      ...(place.user !== undefined && { user: place.user }),
    });
  } catch (error) {
    throw error instanceof Problem ? meaningOf(error, repository) : error;
  }
}

/** In the environment of this one process, so that it stands in no argument, address, file or log. */
function environment(repository: Repository): Record<string, string> {
  const { url, addresses, credential, caFile } = repository;
  const { origin, hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const at = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const pinned = addresses.map((address) => (address.includes(':') ? `[${address}]` : address)).join(',');
  const basic = credential && Buffer.from(`${credential.user}:${credential.password}`).toString('base64');
  const settings: readonly (readonly [string, string])[] = [
    // A name may not change its address, nor a server send git elsewhere, after both were checked.
    ['http.curloptResolve', `${host}:${at}:${pinned}`],
    ['http.followRedirects', 'false'],
    ['http.proxy', ''],
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', '60'],
    ...(caFile === undefined ? [] : [['http.sslCAInfo', caFile] as const]),
    ...(basic === undefined
      ? []
      : [[`http.${origin}/.extraHeader`, `Authorization: Basic ${basic}`] as const]),
    ['credential.helper', ''],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.askPass', ''],
    ['init.defaultBranch', 'main'],
    ['init.templateDir', ''],
    ['advice.detachedHead', 'false'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['transfer.bundleURI', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
  ];
  return {
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: 'http:https',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

const PASSING =
  /Could(?: not|n't) (?:resolve|connect)|timed? ?out|Connection (?:reset|refused)|early EOF|RPC failed|unexpected disconnect|hung up|Empty reply|transfer closed|returned error: (?:429|5\d\d)/i;
const UNTRUSTED = /certificate|SSL|TLS/;

/** What git's own words mean for who deploys. What may pass becomes a plain error, which is tried again. */
function meaningOf(problem: Problem, { url, credential }: Repository): Error {
  const said =
    problem.evidence.log?.findLast((line) => /^(?:fatal|error|remote):/.test(line)) ?? problem.message;
  const all = problem.evidence.log?.join('\n') ?? '';
  const refuse = (message: string) =>
    new Problem('artifactUnavailable', message, problem.evidence, { cause: problem });
  if (/could not read (?:Username|Password)|Authentication failed|returned error: 40[13]/i.test(all)) {
    return refuse(
      credential
        ? `The repository ${url} does not open with the git authorization (${said}); renew its credential, or give its user the right to read the repository.`
        : `The repository ${url} does not open without a login (${said}); name a git authorization in source.spec.repo_auth of the component, and check the address.`,
    );
  }
  if (/redirect|returned error: 30\d/i.test(all))
    return refuse(`The repository ${url} has moved (${said}); name its present address.`);
  if (/not found|returned error: 4\d\d|not valid: is this a git repository/i.test(all))
    return refuse(
      `There is no repository at ${url} (${said}); correct the address, or name an authorization that may read it.`,
    );
  if (PASSING.test(all))
    return new Error(`The repository ${url} cannot be read now (${said}).`, { cause: problem });
  if (UNTRUSTED.test(all)) {
    return refuse(
      `${url} cannot be trusted (${said}); repair its certificate, or name its authority in SSL_CERT_FILE where the platform is started.`,
    );
  }
  return problem;
}

const LEAST = { major: 2, minor: 37 } as const;

/** A Problem where there is none; older ones cannot be held to an address. */
export async function assertGit(): Promise<void> {
  const least = `${LEAST.major}.${LEAST.minor}`;
  const missing = (what: string) =>
    new Problem(
      'runtimeMissing',
      `Building from code needs git ${least} or newer, ${what}; install it (Debian: apt-get install git).`,
    );
  const { stdout } = await promisify(execFile)('git', ['--version'], { env: { PATH } }).catch(() => {
    throw missing('and there is none on this host');
  });
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? [];
  if (major > LEAST.major || (major === LEAST.major && minor >= LEAST.minor)) return;
  throw missing(`and here is "${stdout.trim()}"`);
}
