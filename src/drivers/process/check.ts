import { constants, existsSync, realpathSync, statSync, accessSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { Problem } from '../../domain/errors.ts';
import type { Rollout } from '../../domain/rollout.ts';
import { fillHere } from './supervisor/own-node-here.ts';
import { whyOutOfPlace } from './supervisor/program-place.ts';
import { SYSTEM_PATH } from './supervisor/tools.ts';
import type { Ports } from './supervisor/protocol.ts';

/** Logs, temporary files and the next release need some; a full disk harms every application of the host. */
const MIN_DISK_BYTES = 200 * 1024 * 1024;
const MIB = 1024 * 1024;

/** What this host lacks for so many replicas of a rollout. */
export async function checkHost(
  dataDir: string,
  rollout: Rollout,
  count: number,
  ports: Ports,
): Promise<readonly Problem[]> {
  const sentences = [
    executable(dataDir, rollout),
    portRoom(count, ports),
    await diskRoom(dataDir),
    memoryRoom(rollout),
    ...ways(dataDir, rollout),
  ];
  return sentences.filter((sentence) => sentence !== undefined).map(toProblem);
}

interface Lack {
  readonly code: 'targetUnavailable' | 'runtimeMissing';
  readonly sentence: string;
}
const lack = (sentence: string): Lack => ({ code: 'targetUnavailable', sentence });
const toProblem = ({ code, sentence }: Lack): Problem => new Problem(code, sentence);

/** Where the launch's words lie, as far as they lie outside the replica, which does not exist yet. */
function commandOf(dataDir: string, { workload, releaseDir }: Rollout): string | undefined {
  const [command] = workload.launch.argv;
  if (command === undefined || command.includes('{{replicaDir}}')) return undefined;
  return fillHere(command, { port: 0, replicaDir: '', releaseDir, dataDir });
}

function executable(dataDir: string, rollout: Rollout): Lack | undefined {
  const command = commandOf(dataDir, rollout);
  const own = [rollout.releaseDir, join(dataDir, 'replicas', rollout.instance)];
  const outOfPlace = command === undefined ? undefined : whyOutOfPlace(command, dataDir, own);
  if (outOfPlace !== undefined) return { code: 'runtimeMissing', sentence: outOfPlace };
  // Before the build there is nothing to look at.
  if (command === undefined || (command.startsWith(rollout.releaseDir) && !existsSync(rollout.releaseDir)))
    return undefined;
  const places = command.includes('/')
    ? [command]
    : searched(dataDir, rollout).map((dir) => join(dir, command));
  if (places.some(isExecutable)) return undefined;
  return {
    code: 'runtimeMissing',
    sentence: `${command} is not there or cannot be executed; install it again, or deploy the instance again with its package, which takes what is there now.`,
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where the kernel will look for a command without a directory. */
function searched(dataDir: string, { workload, releaseDir }: Rollout): readonly string[] {
  const path = workload.launch.env['PATH'] ?? SYSTEM_PATH;
  return fillHere(path, { port: 0, replicaDir: '', releaseDir, dataDir }).split(delimiter);
}

function portRoom(count: number, { low, high, held }: Ports): Lack | undefined {
  const free = high - low + 1 - held;
  if (free >= count) return undefined;
  return lack(
    `${count} ports are needed, but only ${free} of ${low}-${high} are free; widen OPENSTAGE_APP_PORTS or remove instances.`,
  );
}

async function diskRoom(dataDir: string): Promise<Lack | undefined> {
  const { bavail, bsize } = await statfs(dataDir);
  if (bavail * bsize >= MIN_DISK_BYTES) return undefined;
  return lack(
    `The disk of ${dataDir} has ${Math.floor((bavail * bsize) / MIB)} MiB left, and at least ${MIN_DISK_BYTES / MIB} are needed; ` +
      `free some space.`,
  );
}

function memoryRoom({ limits }: Rollout): Lack | undefined {
  if (limits.memoryBytes <= totalmem()) return undefined;
  return lack(
    `The flavor gives a replica ${Math.round(limits.memoryBytes / MIB)} MiB, but this machine has ` +
      `${Math.round(totalmem() / MIB)} MiB in all; choose a smaller flavor.`,
  );
}

/** Every directory on the way must let the application's user through. */
function ways(dataDir: string, rollout: Rollout): (Lack | undefined)[] {
  const { user } = rollout.placement;
  if (user === undefined) return [];
  const command = commandOf(dataDir, rollout);
  const blocked = [
    command !== undefined && isAbsolute(command) ? command : '/',
    rollout.releaseDir,
    join(dataDir, 'replicas'),
  ].map((path) => blockedAt(path, user, rollout.releaseDir));
  return [...new Set(blocked)].map((dir) =>
    dir === undefined
      ? undefined
      : lack(
          `The application's user ${user} cannot enter ${dir}; run "chmod o+x ${dir}", or keep the data directory ` +
            `(OPENSTAGE_DATA_DIR) and the runtimes where every user may go.`,
        ),
  );
}

function blockedAt(path: string, user: number, releaseDir: string): string | undefined {
  // A link leads over two ways, and both must be open.
  const ends = existsSync(path) ? [path, realpathSync(path)] : [path];
  return ends.flatMap(directoriesTo).find((dir) => existsSync(dir) && !mayEnter(dir, user, releaseDir));
}

function directoriesTo(path: string): string[] {
  const dirs: string[] = [];
  const isDirectory = existsSync(path) && statSync(path).isDirectory();
  for (let dir = isDirectory ? path : dirname(path); dir !== dirname(dir); dir = dirname(dir))
    dirs.unshift(dir);
  return dirs;
}

function mayEnter(dir: string, user: number, releaseDir: string): boolean {
  const { mode, uid, gid } = statSync(dir);
  if (uid === user) return (mode & 0o100) !== 0;
  // Whoever starts an application puts it into the group of its build.
  const isOfItsGroup = gid === user || (uid === 0 && gid !== 0 && isSame(dir, releaseDir));
  if (isOfItsGroup) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

const isSame = (dir: string, other: string): boolean =>
  dir === other || (existsSync(other) && dir === realpathSync(other));
