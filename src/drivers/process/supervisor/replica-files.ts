import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, opendirSync, readFileSync } from 'node:fs';
import { readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SealedVariable } from '../../../domain/envelope.ts';
import type { InstanceId } from '../../../domain/ids.ts';
import { instanceId } from '../../../domain/ids.ts';
import { overwrite } from './overwrite.ts';
import { reasonOf } from './reason.ts';
import type { Placement, ReplicaRecord } from './replica-record.ts';
import { isPlacement, isReplicaRecord } from './replica-record.ts';
import { isVariable } from './rollout-shape.ts';
import type { Is } from './shape.ts';
import { expect, list, number, object, text } from './shape.ts';
import type { Trash } from './trash.ts';
import { inPresentForm } from './version-before.ts';

/** A directory of this host that is to be seen at a path. */
export interface Source {
  readonly dir: string;
  /** Names the directory itself, whatever is put in its place later. */
  readonly device: number;
  readonly inode: number;
}
export const isSource = object<Source>({ dir: text, device: number, inode: number }, {});

/** Only `own` belongs to the application: who owns a directory can replace every file in it. */
export class ReplicaFiles {
  readonly dir: string;
  readonly log: string;
  readonly own: string;
  readonly home: string;
  readonly tmp: string;
  /** Of the type EmptyDir, one directory each. */
  readonly volumes: string;
  readonly dataDir: string;
  /** Names the replica among all of this host, in a word that can name a directory. */
  readonly name: string;
  readonly #replicasDir: string;
  readonly #parent: string;
  readonly #rollout: number;
  readonly #variables: string;

  constructor(replicasDir: string, instance: InstanceId, rollout: number, ordinal: number) {
    this.#parent = join(replicasDir, instance);
    this.#replicasDir = replicasDir;
    this.dataDir = dirname(replicasDir);
    this.#rollout = rollout;
    this.#variables = join(this.#parent, `variables-${rollout}.json`);
    this.name = `${instance}-${rollout}-${ordinal}`;
    this.dir = join(this.#parent, `${rollout}-${ordinal}`);
    this.log = join(this.dir, 'log');
    this.own = join(this.dir, 'own');
    this.home = join(this.own, 'home');
    this.tmp = join(this.own, 'tmp');
    this.volumes = join(this.dir, 'volumes');
  }

  /** Written down for good before anything is started: what is asked for survives a power loss. */
  async place(placement: Placement): Promise<void> {
    for (const dir of [this.#parent, this.dir]) makeDir(dir, 0o711);
    const { user } = placement.rollout.placement;
    makeOwn([this.own, this.home, this.tmp], user);
    const { env } = placement.rollout;
    if (env.length > 0 && !existsSync(this.#variables))
      await writeDurably(this.#variables, JSON.stringify(env));
    const stored = { ...placement, rollout: { ...placement.rollout, env: [] } };
    await writeDurably(join(this.dir, 'replica.json'), JSON.stringify(stored));
    await flushDir(dirname(this.#parent));
  }

  /** Absent: it was never written; a text: why it cannot be read. */
  placement(): Placement | string | undefined {
    const path = join(this.dir, 'replica.json');
    if (!existsSync(path)) return undefined;
    try {
      const placement = readDown(path, isPlacement);
      const { env } = placement.rollout;
      if (env.length === 0) return placement;
      // The version before kept them with each replica; they are many times as large as all else.
      if (!existsSync(this.#variables)) writeWhole(this.#variables, JSON.stringify(env));
      const stored = { ...placement, rollout: { ...placement.rollout, env: [] } };
      writeWhole(path, JSON.stringify(stored));
      return stored;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Sealed; all replicas of a rollout share them, and nobody holds them in memory. */
  variables(): readonly SealedVariable[] {
    return existsSync(this.#variables) ? readDown(this.#variables, list(isVariable)) : [];
  }

  /** Something of the application's is there. */
  hasHome(): boolean {
    return lstatSync(this.home, { throwIfNoEntry: false }) !== undefined && !isEmptyDir(this.home);
  }

  /** What cannot be read is kept for people to look at, out of the way of what is started anew. */
  setAside(): string {
    const aside = join(this.#replicasDir, ASIDE);
    makeDir(aside, 0o700);
    const place = join(aside, `${this.name}.${Date.now()}`);
    renameSync(this.dir, place);
    return place;
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

  remove(trash: Trash): void {
    trash.take(this.dir);
    try {
      const isLast = !readdirSync(this.#parent).some((name) => name.startsWith(`${this.#rollout}-`));
      if (isLast) rmSync(this.#variables, { force: true });
      rmdirSync(this.#parent);
    } catch {
      // Other replicas of the instance live in it.
    }
  }
}

const ASIDE = '.aside';

/** What was set aside of a rollout goes with it. */
export function removeAside(
  replicasDir: string,
  instance: InstanceId,
  rollout: number,
  keep: number,
  trash: Trash,
): void {
  const aside = join(replicasDir, ASIDE);
  const start = `${instance}-${rollout}-`;
  for (const name of existsSync(aside) ? readdirSync(aside) : []) {
    const ordinal = name.startsWith(start) ? Number(name.slice(start.length).split('.')[0]) : -1;
    if (ordinal >= keep) trash.take(join(aside, name));
  }
}

export interface ReplicaPlace {
  readonly instance: InstanceId;
  readonly rollout: number;
  readonly ordinal: number;
}

/** Whatever else somebody put there is passed over. */
export function listReplicas(replicasDir: string): ReplicaPlace[] {
  makeDir(replicasDir, 0o711);
  return dirsIn(replicasDir)
    .filter((instance) => !instance.startsWith('.'))
    .flatMap((instance) =>
      dirsIn(join(replicasDir, instance)).flatMap((name) => {
        const [, rollout, ordinal] = /^(\d+)-(\d+)$/.exec(name) ?? [];
        return rollout && ordinal
          ? [{ instance: instanceId(instance), rollout: Number(rollout), ordinal: Number(ordinal) }]
          : [];
      }),
    );
}

const dirsIn = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** One name is enough: an application may have made a million. */
function isEmptyDir(dir: string): boolean {
  const listing = opendirSync(dir);
  try {
    return listing.readSync() === null;
  } finally {
    listing.closeSync();
  }
}

/** Outermost first. They are given away last of all: until then nobody can put a link in the place of one. */
function makeOwn(dirs: readonly string[], user: number | undefined): void {
  const [own = ''] = dirs;
  const isGiven = (lstatSync(own, { throwIfNoEntry: false })?.uid ?? 0) !== 0 && user !== undefined;
  if (isGiven) return;
  for (const dir of dirs) makeDir(dir, 0o700);
  if (user !== undefined) for (const dir of dirs.toReversed()) lchownSync(dir, user, user);
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
  try {
    writeFileSync(next, content, { mode: 0o600 });
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    if (!overwrite(path, content)) throw error;
  }
}

/** In one step, and flushed with the directory that names it: it survives a power loss. */
async function writeDurably(path: string, content: string): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, content, { mode: 0o600, flush: true });
  await rename(next, path);
  await flushDir(dirname(path));
}

async function flushDir(dir: string): Promise<void> {
  const file = await open(dir, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const readDown = <T>(path: string, is: Is<T>): T =>
  expect(is, inPresentForm(JSON.parse(readFileSync(path, 'utf8'))), path);

/** Absent when it is missing or was cut by a power loss; in both cases nothing is known. */
function readWhole<T>(path: string, is: Is<T>): T | undefined {
  try {
    return readDown(path, is);
  } catch {
    return undefined;
  }
}
