import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LOG_PARTS } from '../../../domain/replica-bounds.ts';
import type { Bounds } from './bound-numbers.ts';
import type { Cgroups } from './cgroup-place.ts';
import { olderPart, takenOnDisk } from './logs.ts';
import { lookAtRefusals } from './reached.ts';
import { reasonOf } from './reason.ts';
import type { Listener } from './listening.ts';
import { isBeyondLoopback, listed, listeners } from './listening.ts';
import type { Replica } from './replica.ts';
import type { ReplicaFiles } from './replica-files.ts';
import { PLATFORM_ENV, toolPath } from './tools.ts';

/** A runtime may listen for management and debugging, too. */
const PORTS_PER_REPLICA = 4;
const LOOK_MS = 2_000;
const COUNT_MS = 60_000;
const COUNT_MOST_MS = 20_000;
const PIDS_PER_TURN = 100;
const MIB = 1024 ** 2;
const run = promisify(execFile);

/** Looks at all replicas from outside until the returned function is called, off the way of calls. */
export function watchBounds(
  replicas: () => readonly Replica[],
  bounds: Bounds,
  cgroups: Cgroups,
): () => void {
  const stop = new AbortController();
  const again = async (ms: number, look: () => Promise<void>) => {
    while (!stop.signal.aborted) {
      await wait(ms, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      if (!stop.signal.aborted) await look();
    }
  };
  void again(LOOK_MS, () => lookAtSockets(replicas(), bounds));
  void again(LOOK_MS, async () => lookAtRefusals(replicas(), cgroups));
  void again(LOOK_MS, () => lookAtDisk(replicas(), bounds, stop.signal));
  return () => stop.abort();
}

async function lookAtSockets(replicas: readonly Replica[], bounds: Bounds): Promise<void> {
  const all = await listeners();
  const byUser = Map.groupBy(replicas, ({ placement }) => placement.rollout.placement.user);
  for (const [user, own] of byUser) {
    if (user === undefined) continue;
    const ports = new Set(own.map(({ record }) => record.port));
    const listening = all.filter((each) => each.user === user);
    const others = new Set(listening.map(({ port }) => port).filter((port) => !ports.has(port)));
    const most = Math.max(bounds.ports, PORTS_PER_REPLICA * own.length);
    if (others.size > most) {
      const cause = `it listened on ${others.size} ports beside its own, more than the ${most} of an application (let it close what it does not need)`;
      for (const replica of own) replica.overrun(cause);
      continue;
    }
    for (const replica of own) replica.remark('open', openTo(replica, ports, listening));
    await lookAtDescriptors(own, bounds);
  }
}

/** Absent: only this host reaches it. A port that no replica was given may be of any of them, so it is told to all. */
function openTo(
  { record }: Replica,
  given: ReadonlySet<number | undefined>,
  listening: readonly Listener[],
): string | undefined {
  const open = listening
    .filter(({ address, port }) => isBeyondLoopback(address) && (port === record.port || !given.has(port)))
    .map(({ port }) => port);
  if (open.length === 0) return undefined;
  const ports = [...new Set(open)].toSorted((a, b) => a - b);
  return (
    'listens on other addresses than 127.0.0.1, so it can be reached beside the ingress on ' +
    `${ports.length === 1 ? 'port' : 'ports'} ${listed(ports)}; listen on 127.0.0.1 (HOST)`
  );
}

async function lookAtDescriptors(own: readonly Replica[], bounds: Bounds): Promise<void> {
  let sum = 0;
  for (const replica of own) {
    for (const [index, pid] of (await replica.pids()).entries()) {
      sum += statSync(`/proc/${pid}/fd`, { throwIfNoEntry: false })?.size ?? 0;
      if (index % PIDS_PER_TURN === PIDS_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (sum <= bounds.descriptors) return;
  const cause = `its processes held ${sum} open files and sockets, more than the ${bounds.descriptors} of an application (let it close what it does not need)`;
  for (const replica of own) replica.overrun(cause);
}

const countedAt = new WeakMap<Replica, number>();

/** One after the other: however large one is, the disk is read for one of them at a time. */
async function lookAtDisk(replicas: readonly Replica[], bounds: Bounds, stop: AbortSignal): Promise<void> {
  for (const replica of replicas) {
    const user = replica.placement.rollout.placement.user;
    if (user === undefined || stop.aborted) continue;
    if (performance.now() - (countedAt.get(replica) ?? -COUNT_MS) < COUNT_MS) continue;
    const cause = await whyTooLarge(replica.files, user, bounds).catch(
      (error: unknown) => `its files could not be counted (${reasonOf(error).split('\n')[0] ?? ''})`,
    );
    countedAt.set(replica, performance.now());
    if (cause !== undefined) replica.overrun(cause);
  }
}

/** Its files outlive its process, so that another start changes nothing. */
const advice = (setting: string): string =>
  `they are kept: let it remove what it does not need as it starts, or have the operator raise ${setting}`;

async function whyTooLarge(files: ReplicaFiles, user: number, bounds: Bounds): Promise<string | undefined> {
  // What the log takes beyond its own bound is taken from the rest.
  const log = takenOnDisk(files.log) + takenOnDisk(olderPart(files.log));
  const bytes = (await count(files, user, '--block-size=1')) + Math.max(0, log - LOG_PARTS * bounds.logBytes);
  if (bytes > bounds.diskBytes)
    return `its files took ${Math.round(bytes / MIB)} MiB, more than the ${Math.round(bounds.diskBytes / MIB)} of a replica (${advice('OPENSTAGE_APP_DISK_MIB')})`;
  const inodes = await count(files, user, '--inodes');
  if (inodes > bounds.files)
    return `it had ${inodes} files, more than the ${bounds.files} of a replica (${advice('OPENSTAGE_APP_FILES')})`;
  return undefined;
}

/** By a process without the rights of root, but for that of reading directories that their owner closed. */
async function count({ own, volumes }: ReplicaFiles, user: number, what: string): Promise<number> {
  const setpriv = toolPath('setpriv');
  const dirs = [own, volumes].filter((dir) => statSync(dir, { throwIfNoEntry: false }));
  if (setpriv === undefined || dirs.length === 0) return 0;
  const rights = ['--inh-caps', '--ambient-caps', '--bounding-set'].map(
    (set) => `${set}=-all,+dac_read_search`,
  );
  const words = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...rights, '--no-new-privs', '--'];
  const du = ['nice', '-n', '19', 'du', '-s', '-x', '-l', '-c', what, ...dirs];
  const options = { env: PLATFORM_ENV, timeout: COUNT_MOST_MS, killSignal: 'SIGKILL', cwd: '/' } as const;
  const { stdout } = await run(setpriv, [...words, ...du], options).catch((error: unknown) => {
    // What goes away while it is counted is told too; what was counted is printed all the same.
    if (isCounted(error)) return error;
    throw new Error(`${what === '--inodes' ? 'there are too many' : 'reading them took too long'}`, {
      cause: error,
    });
  });
  return Number.parseInt(stdout.trimEnd().split('\n').at(-1) ?? '', 10) || 0;
}

const isCounted = (error: unknown): error is { readonly stdout: string } =>
  error instanceof Error &&
  'stdout' in error &&
  typeof error.stdout === 'string' &&
  error.stdout.includes('total');
