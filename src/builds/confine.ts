import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * A step in a process namespace of its own, where the host has such: whatever it does, nothing that it started outlives
 * it or the platform, it sees no process but its own, and it gains no rights. Told by util-linux's own programs.
 */
export interface Confinement {
  /** Numeric user of the step; absent: the platform's own. */
  readonly user?: number;
  /** Of that user; only where it has one of its own. */
  readonly processes: number;
  /** Of one file. */
  readonly fileBytes: number;
}

/** The words that start `argv` so; undefined where this host cannot. */
export async function confined(
  argv: readonly string[],
  confinement: Confinement,
): Promise<readonly string[] | undefined> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot !== (confinement.user !== undefined)) return undefined;
  possible ??= isPossible(confinement);
  return (await possible) ? [...wrapping(confinement), ...argv] : undefined;
}

/** Asked once: neither kernel nor container changes while the platform runs. */
let possible: Promise<boolean> | undefined;

const run = promisify(execFile);

async function isPossible(confinement: Confinement): Promise<boolean> {
  const [command, ...words] = wrapping(confinement);
  return run(command, [...words, 'true'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

function wrapping({ user, processes, fileBytes }: Confinement): readonly [string, ...string[]] {
  const asUser = user === undefined ? ['--user', '--map-current-user'] : [];
  const toUser =
    user === undefined
      ? []
      : ['--reuid', `${user}`, '--regid', `${user}`, '--clear-groups', '--bounding-set=-all'];
  return [
    'setpriv',
    ...['--pdeathsig', 'KILL', '--'],
    // Where memory runs short, the build is to die before any application does.
    ...['choom', '-n', '1000', '--'],
    ...['unshare', ...asUser, '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'],
    // The first process of the namespace stays the platform's, so that the step cannot keep it from ending.
    ...['/bin/sh', '-c', '"$@"; exit "$?"', 'sh'],
    ...['setpriv', ...toUser, '--no-new-privs', '--inh-caps=-all', '--'],
    ...[
      'prlimit',
      ...(user === undefined ? [] : [`--nproc=${processes}`]),
      `--fsize=${fileBytes}`,
      '--core=0',
      '--',
    ],
  ];
}
