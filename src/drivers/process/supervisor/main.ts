import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { InstanceId } from '../../../domain/ids.ts';
import { closeInherited } from '../../../kernel/inherited.ts';
import { OwnReach, plainReach } from '../../../kernel/reach.ts';
import type { Reach } from '../../../kernel/reach.ts';
import { adoptAll } from './adopt.ts';
import type { Arguments } from './arguments.ts';
import { readArguments } from './arguments.ts';
import { boundsFor } from './bound-numbers.ts';
import { watchBounds } from './bounds.ts';
import { openCgroups } from './cgroup.ts';
import { detectFences } from './detect-fences.ts';
import { currentBoot } from './identity.ts';
import { Journal } from './journal.ts';
import { takeLock } from '../../../kernel/lock.ts';
import { keepLogsBounded } from './log-keeper.ts';
import { LogRotation } from './log-rotation.ts';
import { MarkReader } from './owned.ts';
import { Ports } from './ports.ts';
import { onceRemoved } from '../../../kernel/removed.ts';
import { listen } from './server.ts';
import { makePrivate, socketPath } from './socket-path.ts';
import { Supervisor } from './supervisor.ts';
import type { CrashPoint, Surroundings } from './surroundings.ts';
import { Trash } from './trash.ts';

/** Longer than any application may take to end. */
const END_MOST_MS = 10 * 60_000;

/** Keeps the applications of one data directory alive, whatever happens to the platform. Ends only when told to. */
async function main(args: Arguments): Promise<void> {
  process.umask(0o022);
  closeInherited();
  const socket = socketPath(args.dataDir);
  mkdirSync(dirname(args.logFile), { recursive: true });
  makePrivate(dirname(socket));
  const journal = new Journal(args.logFile);
  if (!takeLock(join(dirname(socket), 'supervisor.lock'))) {
    journal.tell('another supervisor runs', { dataDir: args.dataDir });
    return;
  }
  survive(journal);
  const watchers = new Set<(instance: InstanceId) => void>();
  const around = await surroundings(args, journal, watchers);
  journal.tell('started', {
    pid: process.pid,
    boot: around.boot,
    cgroups: around.cgroups.description,
    fences: around.fences,
  });
  const supervisor = new Supervisor(around, await adoptAll(around));
  const rotation = new LogRotation(() => supervisor.replicas(), clock(args.clockFile));
  const stopKeeping = keepLogsBounded(
    () => supervisor.replicas(),
    args.logBytes,
    () => {
      journal.bound();
      rotation.look();
    },
  );
  const { low, high } = args;
  const stopWatching = args.unfenced.has('watched-bounds')
    ? () => {}
    : watchBounds(() => supervisor.replicas(), around.bounds, around.cgroups);
  mkdirSync(around.replicasDir, { recursive: true });
  onceRemoved(around.replicasDir, () => {
    journal.tell('the data directory was removed', { dataDir: args.dataDir });
    void endAll(supervisor, around);
  });
  // The lock is ours, so a socket that is there is a dead supervisor's.
  rmSync(socket, { force: true });
  const server = await listen(socket, {
    supervisor,
    version: args.protocol,
    fences: around.fences,
    journal,
    watchers,
    ports: () => ({ low, high, held: around.ports.held }),
    shutdown: async (applications) => {
      journal.tell('shut down', { applications });
      await around.trash.close();
      stopKeeping();
      stopWatching();
      server.close();
      if (applications === 'stop') around.cgroups.close();
      rmSync(socket, { force: true });
      // The answer is still on its way.
      setTimeout(() => process.exit(0), 20);
    },
  });
}

/** Nobody could ever reach the applications again: what tells of them is gone. */
async function endAll(supervisor: Supervisor, { cgroups }: Surroundings): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, END_MOST_MS));
  await Promise.race([supervisor.rest(), late]);
  cgroups.close();
  process.exit(0);
}

async function surroundings(
  args: Arguments,
  journal: Journal,
  watchers: ReadonlySet<(instance: InstanceId) => void>,
): Promise<Surroundings> {
  const home = createHash('sha256').update(args.dataDir).digest('hex').slice(0, 16);
  const cgroups = openCgroups(args.proc, `openstage-${home}`, args.unfenced);
  return {
    boot: args.bootId ?? currentBoot(),
    home,
    replicasDir: join(args.dataDir, 'replicas'),
    keyFile: args.keyFile,
    ports: new Ports(args.low, args.high, parseInt(home.slice(0, 8), 16)),
    reach: await reachFor(args, journal),
    cgroups,
    bounds: boundsFor(args, { ...args.disk, logBytes: args.logBytes }),
    markReader: new MarkReader(),
    fences: await detectFences(cgroups, args.unfenced),
    unfenced: args.unfenced,
    startsNothing: args.toEnd,
    journal,
    trash: new Trash(join(args.dataDir, 'replicas'), journal),
    crashPoint: crashPoints(args.crashFile),
    changed: (instance) => watchers.forEach((hear) => hear(instance)),
    watchOver: (work) => {
      work.catch((error: unknown) => {
        throw error;
      });
    },
  };
}

/** A stranger is told on its replica, each time that the port is looked at; here that would drown the rest. */
async function reachFor({ unfenced }: Arguments, journal: Journal): Promise<Reach> {
  if (process.platform !== 'linux' || unfenced.has('socket-owners')) return plainReach;
  return OwnReach.open(
    (reason) => journal.tell('ports of applications', { reason }),
    () => {},
  );
}

/** Nothing but an order over the socket or SIGTERM ends it; applications go on in either case. */
function survive(journal: Journal): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  process.on('SIGTERM', () => {
    journal.tell('ended by SIGTERM');
    process.exit(0);
  });
  // What was not foreseen: the platform starts a successor, which finds everything again.
  process.on('uncaughtException', (error) => {
    journal.tell('failed', { message: error.message, stack: error.stack });
    process.exit(1);
  });
}

function crashPoints(file: string | undefined): (point: CrashPoint) => void {
  if (file === undefined) return () => {};
  return (point) => {
    try {
      if (readFileSync(file, 'utf8').trim() !== point) return;
    } catch {
      return;
    }
    rmSync(file);
    process.kill(process.pid, 'SIGKILL');
  };
}

function clock(file: string | undefined): () => number {
  return file === undefined ? Date.now : () => Number(readFileSync(file, 'utf8'));
}

const words = process.argv.slice(2);
// By then everything is loaded, and its end writes Node's cache.
if (!words.includes('--warm')) await main(readArguments(words));
