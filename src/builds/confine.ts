import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { promisify } from 'node:util';

/**
 * A step behind fences of the kernel: mounts, processes and shared memory of its own. Whatever it does, nothing that it
 * started outlives it or the platform; it sees no process but its own and no file of the platform but its own tree, and
 * it gains no rights. Told by util-linux's own programs.
 */
export interface Confinement {
  /** Numeric user of the step; absent: the platform's own. */
  readonly user?: number;
  /** Of that user, threads included; only where it has one of its own. */
  readonly tasks: number;
  /** Of one file. */
  readonly fileBytes: number;
  /** Of shared memory. */
  readonly sharedBytes: number;
  /** Becomes /tmp and /var/tmp. */
  readonly tmp: string;
  /** Directories of which nothing is seen but what lies in `shows`. */
  readonly hides: readonly string[];
  /** Directories that are seen although what holds them is hidden: the step's own. */
  readonly shows: readonly string[];
  /** Files to write one's number to before anything else, to be in the step's cgroup. */
  readonly joins: readonly string[];
}

/** What this host can do for a step. */
export type Means = 'mounts' | 'processes' | 'none';

/** Where programs of build steps are looked for, and those that build the fence. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** All that the programs on the way to a step see, which for a part of it are root. */
export const OWN_ENVIRONMENT = { PATH, LANG: 'C.UTF-8' } as const;

const run = promisify(execFile);
const known = new Map<boolean, Promise<Means>>();

/** Asked once: neither kernel nor container changes while the platform runs. */
export async function meansFor(confinement: Confinement): Promise<Means> {
  const isRoot = process.getuid?.() === 0;
  // A step of root cannot be confined; only tests start such.
  if (isRoot !== (confinement.user !== undefined)) return 'none';
  const asked = known.get(isRoot) ?? ask(confinement);
  known.set(isRoot, asked);
  return asked;
}

async function ask(confinement: Confinement): Promise<Means> {
  const trial = { ...confinement, joins: [], hides: [], shows: [], tmp: '/tmp' };
  const isRoot = confinement.user !== undefined;
  for (const means of isRoot ? (['mounts', 'processes'] as const) : (['processes'] as const)) {
    const [command, ...words] = confined(means, trial);
    const isPossible = await run(command, [...words, 'true'], { timeout: 20_000, env: OWN_ENVIRONMENT }).then(
      () => true,
      () => false,
    );
    if (isPossible) return means;
  }
  return 'none';
}

/** The words that a step's own are appended to. */
export function confined(
  means: Exclude<Means, 'none'>,
  confinement: Confinement,
): readonly [string, ...string[]] {
  const { user, tasks, fileBytes, joins } = confinement;
  const asUser = user === undefined ? ['--user', '--map-current-user'] : [];
  const toUser =
    user === undefined
      ? []
      : ['--reuid', `${user}`, '--regid', `${user}`, '--clear-groups', '--bounding-set=-all'];
  const apart = means === 'mounts' ? ['--mount', '--ipc'] : [];
  const mounting = means === 'mounts' ? mountScript(confinement) : '';
  return [
    'setpriv',
    ...['--pdeathsig', 'KILL', '--'],
    // Where memory runs short, the build is to die before any application does.
    ...['choom', '-n', '1000', '--'],
    ...joining(joins),
    ...['unshare', ...asUser, ...apart, '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'],
    // The first process of the namespace stays the platform's, so that the step cannot keep it from ending.
    ...['/bin/sh', '-c', `${mounting}"$@"; exit "$?"`, 'sh'],
    ...['setpriv', ...toUser, '--no-new-privs', '--inh-caps=-all', '--'],
    ...[
      'prlimit',
      ...(user === undefined ? [] : [`--nproc=${tasks}`]),
      `--fsize=${fileBytes}`,
      `--nofile=${DESCRIPTORS}`,
      '--core=0',
      '--',
    ],
  ];
}

/** Of one process; some tools watch thousands of files. */
const DESCRIPTORS = 16_384;

function joining(joins: readonly string[]): readonly string[] {
  if (joins.length === 0) return [];
  const script = joins.map((file) => `echo $$ > ${quoted(file)} || exit 125; `).join('');
  return ['/bin/sh', '-c', `${script}exec "$@"`, 'sh'];
}

const SHARED = '/dev/shm';
/** Empty places to put aside what is to stay seen, of which one lies apart from all of it. */
const STAGES = [SHARED, '/mnt', '/run', '/tmp'] as const;

/** Before any process of the step is there. Bound aside first, since what holds it is covered next. */
function mountScript({ hides, shows, tmp, sharedBytes }: Confinement): string {
  const stage = STAGES.find(
    (place) => existsSync(place) && ![...shows, tmp].some((each) => isIn(each, place)),
  );
  const shared = existsSync(SHARED)
    ? [`mount -n -t tmpfs -o mode=1777,nosuid,nodev,size=${sharedBytes} tmpfs ${SHARED}`]
    : [];
  if (stage === undefined) throw new Error('There is no directory to prepare the mounts of a build step in.');
  const covered = ['/tmp', '/var/tmp', '/run/lock'].filter((place) => existsSync(place));
  return [
    'set -e',
    `mount -n -t tmpfs -o mode=0700,nosuid,nodev tmpfs ${stage}`,
    `mkdir ${stage}/tmp`,
    `mount -n --bind ${quoted(tmp)} ${stage}/tmp`,
    ...shows.flatMap((each, index) => [
      `mkdir ${stage}/${index}`,
      `mount -n --rbind ${quoted(each)} ${stage}/${index}`,
    ]),
    // World-writable places are no place of a step's; who may write to nothing else leaves nothing behind.
    'mount -n -o remount,bind,ro / || true',
    ...hides.map((dir) => `mount -n -t tmpfs -o mode=0755,nosuid,nodev,size=1m tmpfs ${quoted(dir)}`),
    ...covered.map((place) => `mount -n --bind ${stage}/tmp ${place}`),
    ...(stage === SHARED ? [] : shared),
    ...shows.flatMap((each, index) => [
      `mkdir -p ${quoted(each)}`,
      `mount -n --move ${stage}/${index} ${quoted(each)}`,
    ]),
    `umount -n -l ${stage}/tmp`,
    `umount -n -l ${stage}`,
    ...(stage === SHARED ? shared : []),
    ...(existsSync('/dev/mqueue') ? ['mount -n -t mqueue mqueue /dev/mqueue || true'] : []),
    'set +e\n',
  ].join('\n');
}

const isIn = (path: string, dir: string): boolean => path === dir || path.startsWith(`${dir}/`);
/** One word of a shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * What the step's own shell reads first, already as the step's user: its directory and variables. They stand on no
 * command line, and no program that still has rights is given them.
 */
export function handOverScript(cwd: string, env: Readonly<Record<string, string>>): string {
  if (!isAbsolute(cwd)) throw new TypeError(`"${cwd}" is no absolute directory.`);
  const exports = Object.entries(env).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0'))
      throw new TypeError(`The variable ${JSON.stringify(name)} cannot be given to a build step.`);
    return `export ${name}=${quoted(value)}`;
  });
  return [`cd ${quoted(cwd)} || exit 126`, ...exports, 'exec "$@" < /dev/null', ''].join('\n');
}

/** The shell that reads it; the step's own words follow. */
export const HAND_OVER = ['/bin/sh', '-s', '--'] as const;
