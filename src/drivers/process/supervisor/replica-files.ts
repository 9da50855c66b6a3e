import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceId } from '../../../domain/ids.ts';
import { instanceId } from '../../../domain/ids.ts';
import { expect, number, object, text } from './shape.ts';
import type { Placement, ReplicaRecord } from './replica-record.ts';
import { isPlacement, isReplicaRecord } from './replica-record.ts';
import type { Is } from './shape.ts';
import { inPresentForm } from './version-before.ts';

/** A directory of this host that is to be seen at a path. */
export interface Source {
  readonly dir: string;
  /** Names the directory itself, whatever is put in its place later. */
  readonly device: number;
  readonly inode: number;
}
const isSource = object<Source>({ dir: text, device: number, inode: number }, {});

/** Only `own` belongs to the application: who owns a directory can replace every file in it. */
export class ReplicaFiles {
  readonly dir: string;
  readonly log: string;
  readonly own: string;
  readonly home: string;
  readonly tmp: string;
  /** Of the type EmptyDir, one directory each. */
  readonly volumes: string;
  /** Names the replica among all of this host, in a word that can name a directory. */
  readonly name: string;
  readonly #trash: string;
  readonly #parent: string;

  constructor(replicasDir: string, instance: InstanceId, rollout: number, ordinal: number) {
    this.#parent = join(replicasDir, instance);
    this.#trash = join(replicasDir, TRASH);
    this.name = `${instance}-${rollout}-${ordinal}`;
    this.dir = join(this.#parent, `${rollout}-${ordinal}`);
    this.log = join(this.dir, 'log');
    this.own = join(this.dir, 'own');
    this.home = join(this.own, 'home');
    this.tmp = join(this.own, 'tmp');
    this.volumes = join(this.dir, 'volumes');
  }

  place(placement: Placement): void {
    for (const dir of [this.#parent, this.dir]) makeDir(dir, 0o711);
    makeDir(this.own, 0o700);
    for (const dir of [this.home, this.tmp]) makeDir(dir, 0o700);
    const user = placement.rollout.placement.user;
    if (user !== undefined) for (const dir of [this.home, this.tmp, this.own]) chownSync(dir, user, user);
    writeWhole(join(this.dir, 'replica.json'), JSON.stringify(placement));
  }

  placement(): Placement | undefined {
    return readWhole(join(this.dir, 'replica.json'), isPlacement);
  }

  record(): ReplicaRecord | undefined {
    return readWhole(join(this.dir, 'state.json'), isReplicaRecord);
  }

  save(state: ReplicaRecord): void {
    writeWhole(join(this.dir, 'state.json'), JSON.stringify(state));
  }

  /** Which directory a volume of logs was when the replica was started with it, by the volume's place. */
  logDir(index: number): Source | undefined {
    return readWhole(join(this.dir, `log-dir-${index}.json`), isSource);
  }

  saveLogDir(index: number, source: Source): void {
    writeWhole(join(this.dir, `log-dir-${index}.json`), JSON.stringify(source));
  }

  /** Until when the logs were looked through for what is to be rotated; milliseconds since 1970. */
  rotatedAt(): number | undefined {
    return readWhole(join(this.dir, 'rotated.json'), number);
  }

  saveRotatedAt(at: number): void {
    writeWhole(join(this.dir, 'rotated.json'), JSON.stringify(at));
  }

  /** Out of reach in one step, so that a crash leaves no half of it; then away. */
  remove(): void {
    makeDir(this.#trash, 0o700);
    const grave = join(this.#trash, `${Date.now()}-${process.pid}-${(graves += 1)}`);
    try {
      renameSync(this.dir, grave);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    try {
      rmdirSync(this.#parent);
    } catch {
      // Other replicas of the instance live in it.
    }
    removeTree(grave);
  }
}

const TRASH = '.trash';
let graves = 0;

export interface ReplicaPlace {
  readonly instance: InstanceId;
  readonly rollout: number;
  readonly ordinal: number;
}

export function listReplicas(replicasDir: string): ReplicaPlace[] {
  makeDir(replicasDir, 0o711);
  removeTree(join(replicasDir, TRASH));
  return readdirSync(replicasDir).flatMap((instance) =>
    readdirSync(join(replicasDir, instance)).flatMap((name) => {
      const [, rollout, ordinal] = /^(\d+)-(\d+)$/.exec(name) ?? [];
      return rollout && ordinal
        ? [{ instance: instanceId(instance), rollout: Number(rollout), ordinal: Number(ordinal) }]
        : [];
    }),
  );
}

function makeDir(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  // mkdir's mode is cut by the umask, and what is there may have another one.
  chmodSync(path, mode);
}

/**
 * In one step, and not flushed: it must survive this process, not the machine. What a power loss takes, the platform
 * asks for again, and every process has to be started again then.
 */
function writeWhole(path: string, content: string): void {
  const next = `${path}.next`;
  writeFileSync(next, content, { mode: 0o600 });
  renameSync(next, path);
}

/** Absent when it is missing or was cut by a power loss; in both cases nothing is known. */
function readWhole<T>(path: string, is: Is<T>): T | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return expect(is, inPresentForm(value), path);
  } catch {
    return undefined;
  }
}

/** An application may have taken its own permissions away; the owner can give them back. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    openUp(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function openUp(path: string): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path)) openUp(join(path, name));
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
