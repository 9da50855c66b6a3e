import { createHash, randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { DiskBudget } from '../domain/disk-budget.ts';
import { diskFault, systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { buildKey } from '../domain/ids.ts';
import type { BuildKey } from '../domain/ids.ts';
import { flushed, removeDir, seal } from './build-dir.ts';
import { BuildGroups, isClosed } from './build-groups.ts';
import { assertFree } from './disk-watch.ts';
import { killMarked } from './process-group.ts';

/** Its presence says that a build is whole. */
const MARKER = 'build.json';
const KEY = /^[0-9a-f]{64}$/;
/** What cannot be removed is put aside under such a name. */
const ASIDE = 'aside-';
/** Leftovers keep nobody from starting: so long, and no longer. */
const LEFTOVERS_WITHIN_MS = 15_000;
const ABREAST = 4;

/** Names a build by everything that went into it; parts keep their borders. */
export const buildKeyOf = (...parts: readonly string[]): BuildKey =>
  buildKey(createHash('sha256').update(JSON.stringify(parts)).digest('hex'));

export interface BuildStoreSettings {
  /** Whose files a build may hold. */
  readonly isMaker?: (user: number) => boolean;
  readonly warn?: (fields: object, message: string) => void;
  /** What builds and packages may take together. */
  readonly budget?: DiskBudget;
}

/** What a build takes, and when a release last took it. */
export interface KeptBuild {
  readonly key: BuildKey;
  readonly bytes: number;
  readonly useTime: number;
}

/**
 * Builds by key, read-only once they are whole, and readable by their applications alone. A build is made in its final
 * place, since what its steps write (a virtual environment's scripts, for one) names that place; the marker is written
 * last.
 */
export class BuildStore {
  readonly #directory: string;
  /** One thing at a time is done to a build: it is made, used or removed. */
  readonly #busy = new Map<BuildKey, Promise<unknown>>();
  readonly #settings: BuildStoreSettings;
  readonly #groups = new BuildGroups();
  #seen: Promise<void> | undefined;

  constructor(dataDir: string, settings: BuildStoreSettings = {}) {
    this.#directory = resolve(dataDir, 'builds');
    this.#settings = settings;
  }

  dir(key: BuildKey): string {
    if (!KEY.test(key)) throw new TypeError(`"${key}" is not the key of a build.`);
    return join(this.#directory, key);
  }

  async has(key: BuildKey): Promise<boolean> {
    try {
      // While its steps work on it, it is theirs, and so is a marker in it.
      const [dir, marker] = [await lstat(this.dir(key)), await lstat(join(this.dir(key), MARKER))];
      const own = process.getuid?.() ?? dir.uid;
      return dir.isDirectory() && dir.uid === own && marker.isFile() && marker.uid === own;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false;
      throw diskFault(error, 'looking for a build');
    }
  }

  /**
   * The build's directory, made by `make` where it is not there yet. Callers that ask at the same time share one
   * making, and its Problem; where it failed for another reason (its caller was called off), each tries itself.
   */
  async ensure(key: BuildKey, make: (dir: string) => Promise<void>): Promise<string> {
    for (;;) {
      const running = this.#busy.get(key);
      if (!running) break;
      try {
        await running;
      } catch (error) {
        if (error instanceof Problem) throw error;
      }
    }
    await this.#alone(key, () => this.#make(key, make));
    return this.dir(key);
  }

  /** Says that a build is about to be started from, so that nobody collects it; false where it is no longer there. */
  async use(key: BuildKey): Promise<boolean> {
    await this.#idle(key);
    return this.#alone(key, async () => {
      if (!(await this.has(key))) return false;
      await this.#touch(key);
      return true;
    });
  }

  /** Removes a build that nobody has used since; whether it did. Who asks for it meanwhile waits, and has it made anew. */
  async removeUnused(key: BuildKey, since: number): Promise<boolean> {
    if (this.#busy.has(key)) return false;
    return this.#alone(key, async () => {
      if ((await lstat(this.dir(key))).mtimeMs >= since) return false;
      await this.#remove(key);
      return true;
    });
  }

  async #idle(key: BuildKey): Promise<void> {
    for (let running = this.#busy.get(key); running; running = this.#busy.get(key))
      await running.catch(() => undefined);
  }

  #alone<T>(key: BuildKey, work: () => Promise<T>): Promise<T> {
    const running = work().finally(() => this.#busy.delete(key));
    this.#busy.set(key, running);
    return running;
  }

  async #make(key: BuildKey, make: (dir: string) => Promise<void>): Promise<void> {
    const dir = this.dir(key);
    await this.#lookOnce();
    if (await this.has(key)) return this.#touch(key);
    const { budget, isMaker } = this.#settings;
    try {
      await budget?.admit(1, 'another release');
      await this.#begin(dir);
      await make(dir);
      // What a step called so is not ours.
      await rm(join(dir, MARKER), { recursive: true, force: true });
      const bytes = await seal(dir, isMaker);
      await budget?.admit(bytes, 'the release');
      await this.#commit(dir, key, bytes);
      budget?.count(bytes);
    } catch (error) {
      // What is still there is a leftover, which the next making or the next start removes.
      await removeDir(dir).catch(() => undefined);
      throw diskFault(error, 'a build was being made');
    }
  }

  async #touch(key: BuildKey): Promise<void> {
    const dir = this.dir(key);
    if (!(await isClosed(dir))) await this.#groups.close(dir, key);
    const now = new Date();
    await utimes(dir, now, now);
  }

  async #begin(dir: string): Promise<void> {
    await removeDir(dir).catch(async (error: unknown) => {
      const aside = join(this.#directory, `${ASIDE}${randomUUID()}`);
      this.#settings.warn?.({ error, dir, aside }, 'a half-made build cannot be removed; it was put aside');
      await rename(dir, aside);
    });
    await mkdir(this.#directory, { recursive: true });
    // Applications reach their own build by its key, and cannot list the others.
    await chmod(this.#directory, 0o711);
    await mkdir(dir, { mode: 0o700 });
  }

  async #commit(dir: string, key: BuildKey, bytes: number): Promise<void> {
    const file = await open(join(dir, MARKER), 'wx', 0o444);
    try {
      await file.writeFile(`${JSON.stringify({ key, bytes })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#groups.close(dir, key);
    await flushed(dir);
    await flushed(this.#directory);
  }

  async remove(key: BuildKey): Promise<void> {
    await this.#idle(key);
    await this.#alone(key, () => this.#remove(key));
  }

  /** The marker goes first, so that a half-removed build is a leftover and never taken for whole. */
  async #remove(key: BuildKey): Promise<void> {
    const dir = this.dir(key);
    const bytes = await this.#bytesOf(key);
    try {
      await chmod(dir, 0o700);
      await rm(join(dir, MARKER), { force: true });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw diskFault(error, 'a build was being removed');
    }
    await removeDir(dir);
    this.#groups.forget(key);
    this.#settings.budget?.count(-bytes);
  }

  async list(): Promise<readonly BuildKey[]> {
    const keys: BuildKey[] = [];
    for (const name of await this.#names()) {
      if (KEY.test(name) && (await this.has(buildKey(name)))) keys.push(buildKey(name));
    }
    return keys;
  }

  /** What is there, with what it takes; a build of the version before does not say that. */
  async measure(): Promise<readonly KeptBuild[]> {
    const all: KeptBuild[] = [];
    for (const key of await this.list()) {
      const stats = await lstat(this.dir(key)).catch(() => undefined);
      if (stats) all.push({ key, bytes: await this.#bytesOf(key), useTime: stats.mtimeMs });
    }
    return all;
  }

  async #bytesOf(key: BuildKey): Promise<number> {
    const text = await readFile(join(this.dir(key), MARKER), 'utf8').catch(() => '');
    return Number(/"bytes":\s*(\d+)/.exec(text)?.[1] ?? 0);
  }

  /** At start: closes what the version before left open to all. `usersOf` names who runs from each now. */
  async closeFormer(usersOf: ReadonlyMap<BuildKey, ReadonlySet<number>>): Promise<void> {
    await this.#lookOnce();
    for (const key of await this.list()) {
      const isDone = await this.#groups.closeFormer(this.dir(key), key, usersOf.get(key) ?? new Set());
      if (!isDone)
        this.#settings.warn?.(
          { build: key },
          'a build of the version before is readable by all until fewer instances run from it',
        );
    }
  }

  /** Groups that are taken. */
  #lookOnce(): Promise<void> {
    this.#seen ??= this.list().then(async (keys) => {
      for (const key of keys) this.#groups.note(key, (await lstat(this.dir(key))).gid);
    });
    return this.#seen;
  }

  /** A Problem where the disk has less free. */
  async assertFree(bytes: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await assertFree(this.#directory, bytes);
  }

  /** An empty directory to build in, which its maker removes; where that was killed, the next start does. */
  async workspace(): Promise<string> {
    try {
      await mkdir(this.#directory, { recursive: true });
      await chmod(this.#directory, 0o711);
      const dir = join(this.#directory, `work-${randomUUID()}`);
      await mkdir(dir);
      await chmod(dir, 0o711);
      return dir;
    } catch (error) {
      throw diskFault(error, 'a build was being made');
    }
  }

  /**
   * At start, before anything is made: what a dead run left running, half-made or half-removed. What does not let itself
   * be removed is told and passed over.
   */
  async removeLeftovers(withinMs = LEFTOVERS_WITHIN_MS): Promise<void> {
    await killMarked((mark) => mark.startsWith(this.#directory + sep));
    const whole = new Set<string>(await this.list());
    const left = (await this.#names()).filter((name) => !whole.has(name));
    const end = performance.now() + withinMs;
    const removing = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        const dir = join(this.#directory, name);
        await removeDir(dir, Math.max(1, Math.ceil(end - performance.now()))).catch((error: unknown) =>
          this.#settings.warn?.({ error, dir }, 'a leftover of a build cannot be removed; remove it by hand'),
        );
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, removing));
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#directory);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw diskFault(error, 'listing builds');
    }
  }
}
