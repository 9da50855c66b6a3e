import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { fill } from '../../../domain/launch.ts';
import type { Rollout } from '../../../domain/rollout.ts';
import { asUser } from './as-user.ts';
import { environmentFor, placesOf, PROBE_MARK } from './environment.ts';
import type { Marks } from './environment.ts';
import { openLog } from './logs.ts';
import type { Namespace } from './namespace.ts';
import { inside } from './namespace.ts';
import type { ReplicaFiles } from './replica-files.ts';

/** All that a fork for a replica needs. */
export interface Fork {
  readonly rollout: Rollout;
  readonly files: ReplicaFiles;
  readonly port: number;
  readonly marks: Marks;
  readonly keyFile: string;
  /** Absent: the host's own. */
  readonly namespace: Namespace | undefined;
}

/** The application itself. What goes wrong here is the application's failure, told in its log. */
export function spawnReplica(fork: Fork): ChildProcess {
  writeLaunchFiles(fork);
  const places = placesOf(fork.rollout, fork.files, fork.port);
  const log = openLog(fork.files.log);
  try {
    // No pipe to anything that may die before it.
    const words = fork.rollout.workload.launch.argv.map((word) => fill(word, places));
    return spawnAs(fork, words, environmentFor(fork), ['ignore', log, log]);
  } finally {
    closeSync(log);
  }
}

/** A probe's command, which ends soon and whose output is for us. */
export const spawnProbe = (fork: Fork, words: readonly string[]): ChildProcess =>
  spawnAs(fork, words, { ...environmentFor(fork), [PROBE_MARK]: '1' }, ['ignore', 'pipe', 'pipe']);

function spawnAs(
  { rollout, files, port, namespace }: Fork,
  words: readonly string[],
  env: Record<string, string>,
  stdio: ['ignore', number | 'pipe', number | 'pipe'],
): ChildProcess {
  const cwd = fill(rollout.workload.launch.cwd, placesOf(rollout, files, port));
  const { user } = rollout.placement;
  // Its own session and group.
  const shared = { env, detached: true, stdio };
  if (namespace && user !== undefined) {
    const [command, ...args] = inside(namespace, user, cwd, words);
    return spawn(command, args, { ...shared, cwd: '/' });
  }
  const [command = '', ...args] = words;
  return spawn(command, args, { ...shared, cwd, ...(user === undefined ? {} : { uid: user, gid: user }) });
}

function writeLaunchFiles({ rollout, files, port }: Fork): void {
  if (rollout.workload.launch.files.length === 0) return;
  asUser(rollout.placement.user, () => {
    for (const file of rollout.workload.launch.files) {
      const path = normalize(file.path);
      if (isAbsolute(path) || path.startsWith('..')) {
        throw new Error(
          `the launch names the file "${file.path}", which is not inside the replica's directory`,
        );
      }
      const target = join(files.own, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, fill(file.content, placesOf(rollout, files, port)), { mode: 0o600 });
    }
  });
}

/** The supervisor's own word in an application's log, where the user looks for it. */
export function tellInLog(files: ReplicaFiles, sentence: string): void {
  try {
    appendFileSync(files.log, `openstage: ${sentence}\n`, { mode: 0o600 });
  } catch {
    // A full disk must not end the supervisor.
  }
}
