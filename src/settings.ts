import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { readGitSettings } from './git-settings.ts';
import type { GitSettings } from './git/parts.ts';
import type { Connection } from './domain/grants.ts';
import { SettingError } from './setting-error.ts';
import { readResources } from './resource-settings.ts';

export { SettingError };

interface Rule<T> {
  /** The environment variable; the flag and the file's key follow from it: OPENSTAGE_DATA_DIR, --data-dir, data_dir. */
  readonly variable: `OPENSTAGE_${string}` | 'CATALINA_HOME';
  readonly fallback: string;
  readonly about: string;
  readonly read: (text: string) => T;
}

const rule = <T>(
  variable: Rule<T>['variable'],
  fallback: string,
  about: string,
  read: (text: string) => T,
): Rule<T> => ({
  variable,
  fallback,
  about,
  read,
});

const text = (value: string) => value;
const optional = (value: string) => (value === '' ? undefined : value);
const path = (value: string) => resolve(value);
const optionalPath = (value: string) => (value === '' ? undefined : resolve(value));

function flag(value: string): boolean {
  if (['1', 'true', 'yes'].includes(value)) return true;
  if (['', '0', 'false', 'no'].includes(value)) return false;
  throw new Error('expected true or false');
}

const integer = (least: number, most: number) => (value: string) => {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new Error(`expected a whole number from ${least} to ${most}`);
  }
  return number;
};
const port = integer(0, 65535);

function range(value: string): { readonly low: number; readonly high: number } {
  const [low = NaN, high = NaN] = value.split('-').map(Number);
  if (!(low >= 1 && high <= 65535 && low <= high)) throw new Error('expected two ports such as 20000-29999');
  return { low, high };
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function duration(value: string): number {
  const [, number = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? [];
  const unitMs = DURATION_UNITS_MS[unit];
  if (unitMs === undefined) throw new Error('expected a duration such as 500ms, 90s, 8m or 30d');
  return Number(number) * unitMs;
}

/** Steps of builds take forty-eight users; the rest is for applications. */
const LEAST_USERS = 100;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

function logLevel(value: string): (typeof logLevels)[number] {
  const level = logLevels.find((known) => known === value);
  if (!level) throw new Error(`expected one of ${logLevels.join(', ')}`);
  return level;
}

function region(value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(value))
    throw new Error('expected 1-63 letters, digits, - or _');
  return value;
}

function variableNames(value: string): readonly string[] {
  const found = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const odd = found.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (odd !== undefined)
    throw new Error('expected names of variables, by comma, such as HTTPS_PROXY,PIP_INDEX_URL');
  return found;
}

/** Where packages come from behind a fence, and whom to trust there. */
const BUILD_ENV = [
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'http_proxy',
    'https_proxy',
    'all_proxy',
    'no_proxy',
  ],
  ...['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'PIP_FIND_LINKS', 'PIP_TRUSTED_HOST', 'PIP_CERT'],
  ...['npm_config_registry', 'NPM_CONFIG_REGISTRY', 'npm_config_cafile', 'NPM_CONFIG_CAFILE'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'],
];

const runtimeSettings = [
  'OPENSTAGE_JAVA',
  'OPENSTAGE_NODE',
  'OPENSTAGE_PYTHON',
  'OPENSTAGE_PHP',
  'OPENSTAGE_APACHE',
  'OPENSTAGE_TOMCAT',
  'CATALINA_HOME',
] as const;

/** Every setting there is. The table in docs/settings.md is held against it by a test. */
export const rules = {
  config: rule('OPENSTAGE_CONFIG', '', 'YAML file with the settings below, by the same names', optionalPath),
  dataDir: rule('OPENSTAGE_DATA_DIR', './.openstage', 'Where everything is kept', path),
  bind: rule('OPENSTAGE_BIND', '127.0.0.1', 'Address that the API and the ingress listen on', text),
  httpPort: rule('OPENSTAGE_HTTP_PORT', '7080', 'API over HTTP; 0 takes a free port', port),
  httpsPort: rule('OPENSTAGE_HTTPS_PORT', '7443', 'API over HTTPS; 0 takes a free port', port),
  ingressPort: rule(
    'OPENSTAGE_INGRESS_PORT',
    '7081',
    'Where applications are reached; 0 takes a free port',
    port,
  ),
  databaseUrl: rule(
    'OPENSTAGE_DATABASE_URL',
    '',
    'postgres://… ; empty: SQLite in the data directory',
    optional,
  ),
  logLevel: rule('OPENSTAGE_LOG_LEVEL', 'info', `One of ${logLevels.join(', ')}`, logLevel),
  region: rule(
    'OPENSTAGE_REGION',
    'local',
    'Name of the region and of its project; fixed at first start',
    region,
  ),
  keyFile: rule(
    'OPENSTAGE_KEY_FILE',
    '',
    'Key that seals secrets; empty: `key` in the data directory',
    optionalPath,
  ),
  fetchAllow: rule(
    'OPENSTAGE_FETCH_ALLOW',
    '',
    'Hosts and address ranges, by comma, that packages may be fetched from, and git hosts asked at, although they are private',
    text,
  ),
  maxPackageMiB: rule('OPENSTAGE_MAX_PACKAGE_MIB', '2048', 'Largest package, in MiB', integer(1, 1_048_576)),
  keptMiB: rule(
    'OPENSTAGE_KEPT_MIB',
    '51200',
    'What packages and releases may take together, in MiB: beyond it unused ones are removed, and new ones refused; 0: as much as the disk has',
    integer(0, 1_073_741_824),
  ),
  appPorts: rule('OPENSTAGE_APP_PORTS', '20000-29999', 'Ports that replicas listen on, loopback only', range),
  appUsers: rule(
    'OPENSTAGE_APP_USERS',
    '',
    'Numeric users of applications, where the platform runs as root; no other platform of the host may use them. Empty: 200000-265535, or as many after it that are free, kept for the life of the data directory',
    (value) => {
      if (value === '') return undefined;
      const [low = NaN, high = NaN] = value.split('-').map(Number);
      if (!(low >= 1000 && high <= 2_000_000_000 && high - low >= LEAST_USERS))
        throw new Error(`expected two user ids at least ${LEAST_USERS} apart, such as 200000-265535`);
      return { low, high };
    },
  ),
  hostPaths: rule(
    'OPENSTAGE_HOST_PATHS',
    '',
    "Directories, by comma, that HostPath storage may name: of the region's project; `team:/srv/team` of the project team, `*:/srv/all` of all",
    text,
  ),
  keepReleases: rule(
    'OPENSTAGE_KEEP_RELEASES',
    '20',
    'Releases kept per instance to roll back to',
    integer(1, 1000),
  ),
  keepHistory: rule(
    'OPENSTAGE_KEEP_HISTORY',
    '30d',
    'How long ended jobs and deleted instances stay readable',
    duration,
  ),
  jobDeadline: rule(
    'OPENSTAGE_JOB_DEADLINE',
    '8m',
    'A job that is not done by then fails and is undone',
    duration,
  ),
  undoDeadline: rule('OPENSTAGE_UNDO_DEADLINE', '1m', 'How long undoing may take', duration),
  readinessTimeout: rule(
    'OPENSTAGE_READINESS_TIMEOUT',
    '5m',
    'How long new replicas may take to become healthy',
    duration,
  ),
  stopGrace: rule('OPENSTAGE_STOP_GRACE', '10s', 'Between SIGTERM and SIGKILL', duration),
  drainTimeout: rule(
    'OPENSTAGE_DRAIN_TIMEOUT',
    '30s',
    'How long requests in flight may take to finish when a replica leaves',
    duration,
  ),
  ephemeral: rule(
    'OPENSTAGE_EPHEMERAL',
    'false',
    'Stop applications, ingress and supervisor together with the platform',
    flag,
  ),
  crashAt: rule(
    'OPENSTAGE_CRASH_AT',
    '',
    'Crash point at which the platform kills itself; for tests',
    optional,
  ),
  mavenUrl: rule(
    'OPENSTAGE_MAVEN_URL',
    '',
    'Maven repository that `openstage runtime install` fetches from',
    optional,
  ),
  buildEnv: rule(
    'OPENSTAGE_BUILD_ENV',
    BUILD_ENV.join(','),
    "Names, by comma, of the platform's variables that reach the steps of every build (pip, npm): mirrors, proxies, certificates",
    variableNames,
  ),
  quotaInstances: rule(
    'OPENSTAGE_QUOTA_INSTANCES',
    '5000',
    'Instances that a project may have, stopped ones included; 0: any number',
    integer(0, 1_000_000),
  ),
  quotaJobs: rule(
    'OPENSTAGE_QUOTA_JOBS',
    '1000',
    'Jobs of a project that may wait or be under way at a time; 0: any number. Stopping and deleting is never refused',
    integer(0, 1_000_000),
  ),
  quotaCores: rule(
    'OPENSTAGE_QUOTA_CORES',
    '0',
    "Cores that a project's running instances may have by their flavors; 0: as the host has room",
    integer(0, 1_000_000),
  ),
  quotaMemoryGiB: rule(
    'OPENSTAGE_QUOTA_MEMORY_GIB',
    '0',
    "Memory that a project's running instances may have by their flavors, in GiB; 0: as the host has room",
    integer(0, 1_000_000),
  ),
  quotaPackagesGiB: rule(
    'OPENSTAGE_QUOTA_PACKAGES_GIB',
    '100',
    'What a project may keep in the package repository, in GiB; 0: any amount',
    integer(0, 1_000_000),
  ),
  quotaDiskGiB: rule(
    'OPENSTAGE_QUOTA_DISK_GIB',
    '0',
    "Disk that a project's running replicas may have together, in GiB, each counted with OPENSTAGE_APP_DISK_MIB; 0: any amount",
    integer(0, 1_000_000),
  ),
  quotaLogMiB: rule(
    'OPENSTAGE_QUOTA_LOG_MIB',
    '0',
    "Logs that a project's running replicas may have together, in MiB, each counted with 16; 0: any amount",
    integer(0, 1_000_000_000),
  ),
  quotaReleasesGiB: rule(
    'OPENSTAGE_QUOTA_RELEASES_GIB',
    '0',
    "Packages that a project's releases are made of, in GiB: who has as many makes no other release; 0: any amount",
    integer(0, 1_000_000),
  ),
  cpuOvercommit: rule(
    'OPENSTAGE_CPU_OVERCOMMIT',
    '16',
    "How many times the host's cores are promised to running instances by their flavors",
    integer(1, 1_000),
  ),
  memoryOvercommit: rule(
    'OPENSTAGE_MEMORY_OVERCOMMIT',
    '4',
    "How many times the host's memory is promised to running instances by their flavors, which seldom use all of it",
    integer(1, 1_000),
  ),
  buildSlots: rule('OPENSTAGE_BUILD_SLOTS', '2', 'Builds from code that run at a time', integer(1, 16)),
  buildTime: rule('OPENSTAGE_BUILD_TIME', '6m', 'How long the build command of code may take', duration),
  buildMemoryMiB: rule(
    'OPENSTAGE_BUILD_MEMORY_MIB',
    '2048',
    'Memory of one build from code, in MiB',
    integer(64, 1_048_576),
  ),
  appDiskMiB: rule(
    'OPENSTAGE_APP_DISK_MIB',
    '10240',
    'What the directories of one replica may hold, in MiB; it is counted once a minute, and who has more is ended. Taken by the supervisor at its start: a change needs openstage down before the next start',
    integer(16, 16_777_216),
  ),
  appFiles: rule(
    'OPENSTAGE_APP_FILES',
    '500000',
    'How many files and directories one replica may have, counted and taken with the above',
    integer(100, 1_000_000_000),
  ),
  buildDiskMiB: rule(
    'OPENSTAGE_BUILD_DISK_MIB',
    '8192',
    'What one build from code may write, checkout and dependencies included, in MiB',
    integer(16, 16_777_216),
  ),
  buildFreeMiB: rule(
    'OPENSTAGE_BUILD_FREE_MIB',
    '1024',
    'What must stay free on the disk of the data directory for code to be built, in MiB',
    integer(0, 16_777_216),
  ),
  java: rule('OPENSTAGE_JAVA', '', 'Path of java', text),
  node: rule('OPENSTAGE_NODE', '', 'Path of node for applications', text),
  python: rule('OPENSTAGE_PYTHON', '', 'Path of python3', text),
  php: rule('OPENSTAGE_PHP', '', 'Path of php', text),
  apache: rule('OPENSTAGE_APACHE', '', 'Path of apache2 or httpd', text),
  tomcat: rule('OPENSTAGE_TOMCAT', '', 'Directory of Tomcat (CATALINA_HOME)', text),
  catalinaHome: rule('CATALINA_HOME', '', 'As OPENSTAGE_TOMCAT, by the name that Tomcat itself uses', text),
} as const;

type Rules = typeof rules;
export type Name = keyof Rules;
type Values = { readonly [K in Name]: ReturnType<Rules[K]['read']> };

/** Where a runtime's executable is when it is not found by itself, by the name of its setting. */
export type RuntimeOverrides = Readonly<Record<string, string>>;

export type Settings = Values & {
  readonly runtimeOverrides: RuntimeOverrides;
  /** What build steps see of this environment: the names of `buildEnv` that have a value. May hold passwords. */
  readonly buildVariables: Readonly<Record<string, string>>;
  /** PATH, where executables of runtimes are looked for. */
  readonly searchPath: string;
  /** (type/id or type) to driver, from the file's `resources`. */
  readonly resources: Readonly<Record<string, string>>;
  /** Git hosts of one's own, and this platform as their client, from the file's `git`. */
  readonly git: GitSettings;
  /** How applications reach resources, from the same. */
  readonly connections: readonly Connection[];
};

export const names = Object.keys(rules).filter((name): name is Name => name in rules);

const bareName = (name: Name) => rules[name].variable.replace(/^OPENSTAGE_/, '').toLowerCase();
export const flagOf = (name: Name): string => `--${bareName(name).replaceAll('_', '-')}`;
export const keyOf = (name: Name): string => bareName(name);

type Source = Readonly<Record<string, unknown>>;

function readFile(file: string | undefined): Source {
  if (file === undefined) return {};
  if (!existsSync(file))
    throw new SettingError(`The settings file ${file} does not exist; create it, or leave --config out.`);
  const content: unknown = parse(readFileSync(file, 'utf8'));
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new SettingError(
      `The settings file ${file} must hold names and values, such as "http_port: 7080".`,
    );
  }
  return Object.fromEntries(Object.entries(content).map(([key, value]) => [key.replaceAll('-', '_'), value]));
}

function readGit(content: Source, file: string | undefined): GitSettings {
  try {
    return readGitSettings(content['git']);
  } catch (error) {
    throw new SettingError(`${file}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Flag before variable before file before default. Throws a SettingError. */
export function readSettings(
  flags: ReadonlyMap<Name, string>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const file = optionalPath(flags.get('config') ?? env[rules.config.variable] ?? '');
  const content = readFile(file);
  const unknown = Object.keys(content).filter(
    (key) => key !== 'resources' && key !== 'git' && !names.some((name) => keyOf(name) === key),
  );
  if (unknown.length > 0)
    throw new SettingError(`${file}: there is no setting "${unknown.join('", "')}"; see docs/settings.md.`);

  const valueOf = <K extends Name>(name: K): ReturnType<Rules[K]['read']> => {
    const { variable, fallback, read } = rules[name] as Rule<ReturnType<Rules[K]['read']>>;
    const given = [
      { from: flagOf(name), value: flags.get(name) },
      { from: variable, value: env[variable] },
      { from: `${file}: ${keyOf(name)}`, value: content[keyOf(name)] },
    ].find(({ value }) => value !== undefined && value !== null);
    try {
      return read(String(given?.value ?? fallback));
    } catch (error) {
      throw new SettingError(
        `${given?.from} is "${String(given?.value)}"; ${error instanceof Error ? error.message : 'not usable'}.`,
      );
    }
  };

  const values = Object.fromEntries(names.map((name) => [name, valueOf(name)])) as Values;
  const overrides = names
    .filter((name) => runtimeSettings.some((variable) => variable === rules[name].variable))
    .map((name) => [rules[name].variable, String(values[name] ?? '')] as const)
    .filter(([, value]) => value !== '');
  return {
    ...values,
    runtimeOverrides: Object.fromEntries(overrides),
    buildVariables: Object.fromEntries(
      values.buildEnv.map((name) => [name, env[name] ?? ''] as const).filter(([, value]) => value !== ''),
    ),
    searchPath: env['PATH'] ?? '',
    git: readGit(content, file),
    ...readResources(content['resources'], file ?? 'The settings', values.region),
  };
}
