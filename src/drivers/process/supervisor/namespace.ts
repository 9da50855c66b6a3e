import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Rollout } from '../../../domain/rollout.ts';
import type { Mount, Volume } from '../../../domain/volume.ts';
import { isAbsolute } from '../../../domain/volume.ts';
import { SYSTEM_PATH } from './environment.ts';
import { reasonOf } from './reason.ts';
import type { ReplicaFiles } from './replica-files.ts';
import { makeMountPoint, sourceOf } from './volumes.ts';

/** A mount namespace that processes can be started in, for as long as it is not closed. */
export interface Namespace {
  /** What nsenter is given. */
  readonly path: string;
  close(): void;
}

/** The one that a process which lives is in. */
export const namespaceOf = (pid: number): Namespace => ({ path: `/proc/${pid}/ns/mnt`, close: () => {} });

const run = promisify(execFile);
const STEP_MOST_MS = 10_000;
const options = { env: { PATH: SYSTEM_PATH, LC_ALL: 'C' }, timeout: STEP_MOST_MS };

/** The programs of util-linux and coreutils that make it, each of which ends or becomes the next: none stays between. */
const tools = ['unshare', 'nsenter', 'setpriv', 'mount', 'env', 'cat'] as const;
type Tool = (typeof tools)[number];
const toolPath = (tool: Tool): string | undefined =>
  [`/usr/bin/${tool}`, `/bin/${tool}`].find((path) => existsSync(path));

function tool(name: Tool): string {
  const path = toolPath(name);
  if (path === undefined) throw new Error(`"${name}" is not on this host; install util-linux and coreutils`);
  return path;
}

/** A sentence on why this host cannot mount, found by trying, in a namespace that ends with the trial. */
export async function whyNoMounts(dir: string, inMemory: boolean): Promise<string | undefined> {
  try {
    for (const name of tools) tool(name);
    const what = inMemory ? ['-t', 'tmpfs', 'tmpfs', dir] : ['-o', 'bind', dir, dir];
    await run(
      tool('unshare'),
      ['--mount', '--propagation', 'private', '--', tool('mount'), ...what],
      options,
    );
    return undefined;
  } catch (error) {
    return reasonOf(error).trim().split('\n').at(-1);
  }
}

/** A namespace in which the volumes of a replica are where they are asked for; seen by its processes alone. */
export async function openNamespace(rollout: Rollout, files: ReplicaFiles): Promise<Namespace> {
  // It waits in there until we hold the namespace ourselves, and ends with us.
  const holder = spawn(tool('unshare'), ['--mount', '--propagation', 'slave', '--', tool('cat')], {
    env: options.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let namespace: Namespace | undefined;
  try {
    await isInside(holder);
    const file = openSync(`/proc/${holder.pid}/ns/mnt`, 'r');
    namespace = { path: `/proc/${process.pid}/fd/${file}`, close: () => closeSync(file) };
    for (const [index, volume] of (rollout.volumes ?? []).entries()) {
      for (const mount of volume.mounts.filter(({ path }) => isAbsolute(path)))
        await mountIn(namespace, Number(holder.pid), { rollout, files, volume, index, mount });
    }
    return namespace;
  } catch (error) {
    namespace?.close();
    throw error;
  } finally {
    holder.kill('SIGKILL');
  }
}

async function isInside(holder: ChildProcess): Promise<void> {
  holder.stdin?.on('error', () => {});
  holder.stdin?.write('\n');
  const failed = once(holder, 'close').then(([code]) =>
    Promise.reject(new Error(`unshare ended with code ${code}`)),
  );
  failed.catch(() => {});
  await Promise.race([once(holder.stdout ?? holder, 'data'), failed]);
}

interface Mounting {
  readonly rollout: Rollout;
  readonly files: ReplicaFiles;
  readonly volume: Volume;
  readonly index: number;
  readonly mount: Mount;
}

async function mountIn(
  { path: namespace }: Namespace,
  holder: number,
  { rollout, files, volume, index, mount }: Mounting,
): Promise<void> {
  const { limits } = rollout;
  const { user = 0 } = rollout.placement;
  const inside = [`--mount=${namespace}`, '--', tool('mount')];
  makeMountPoint(mount.path);
  if (volume.kind === 'empty' && volume.inMemory) {
    // The kernel counts its pages to the memory of whoever writes them.
    const rules = `size=${limits.memoryBytes},mode=0700,uid=${user},gid=${user},nosuid,nodev`;
    await run(tool('nsenter'), [...inside, '-t', 'tmpfs', '-o', rules, 'tmpfs', mount.path], options);
    return;
  }
  const source = sourceOf(rollout, files, volume, index, mount);
  const rules = `bind,nosuid,nodev${mount.readOnly ? ',ro' : ''}`;
  await run(tool('nsenter'), [...inside, '-o', rules, source.dir, mount.path], options);
  // Found by its path, it may have been another directory by then: what counts is what is mounted now.
  const { dev, ino } = statSync(`/proc/${holder}/root${mount.path}`);
  if (dev !== source.device || ino !== source.inode)
    throw new Error(`${source.dir} was replaced while it was mounted`);
  if (mount.readOnly && !isReadOnly(holder, mount.path))
    throw new Error(`${mount.path} could not be made read-only`);
}

function isReadOnly(holder: number, path: string): boolean {
  const last = readFileSync(`/proc/${holder}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast((fields) => fields[4] === path);
  return last?.[5]?.split(',').includes('ro') === true;
}

/**
 * A command line that becomes the application inside the namespace. The order matters: what runs in there may be the
 * application's own file, so nothing does before the rights of root are given up, and none can be got back.
 */
export function inside(
  { path }: Namespace,
  user: number,
  cwd: string,
  words: readonly string[],
): readonly [string, ...string[]] {
  if (words[0]?.includes('='))
    throw new Error(`"${words[0]}" holds "=", which cannot be started where volumes are mounted`);
  return [
    tool('setpriv'),
    ...['--no-new-privs', '--', tool('nsenter'), `--mount=${path}`],
    ...['--setgid', String(user), '--setuid', String(user), '--', tool('env'), `--chdir=${cwd}`],
    ...words,
  ];
}
