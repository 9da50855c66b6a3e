import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { diskFault, systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { buildKey } from '../domain/ids.ts';
import type { BuildKey } from '../domain/ids.ts';
import { flushed, removeDir, seal } from './build-dir.ts';
import { assertFree } from './disk-watch.ts';
import { killMarked } from './process-group.ts';

/** Its presence says that a build is whole. */
const MARKER = 'build.json';
const KEY = /^[0-9a-f]{64}$/;

/** Names a build by everything that went into it; parts keep their borders. */
export const buildKeyOf = (...parts: readonly string[]): BuildKey =>
  buildKey(createHash('sha256').update(JSON.stringify(parts)).digest('hex'));

/**
 * Builds by key, read-only once they are whole. A build is made in its final place, since what its steps write (a
 * virtual environment's scripts, for one) names that place; the marker is written last.
 */
export class BuildStore {
  readonly #directory: string;
  readonly #making = new Map<BuildKey, Promise<void>>();
  readonly #isMaker: ((user: number) => boolean) | undefined;

  /** `isMaker` tells whose files a build may hold. */
  constructor(dataDir: string, { isMaker }: { readonly isMaker?: (user: number) => boolean } = {}) {
    this.#directory = resolve(dataDir, 'builds');
    this.#isMaker = isMaker;
  }

  dir(key: BuildKey): string {
    if (!KEY.test(key)) throw new TypeError(`"${key}" is not the key of a build.`);
    return join(this.#directory, key);
  }

  async has(key: BuildKey): Promise<boolean> {
    try {
      return (await stat(join(this.dir(key), MARKER))).isFile();
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
      const running = this.#making.get(key);
      if (!running) break;
      try {
        await running;
      } catch (error) {
        if (error instanceof Problem) throw error;
      }
    }
    const making = this.#make(key, make).finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    await making;
    return this.dir(key);
  }

  async #make(key: BuildKey, make: (dir: string) => Promise<void>): Promise<void> {
    const dir = this.dir(key);
    if (await this.has(key)) return chmod(dir, 0o555);
    try {
      await this.#begin(dir);
      await make(dir);
      await seal(dir, this.#isMaker);
      await this.#commit(dir, key);
    } catch (error) {
      // What is still there is a leftover, which the next making or the next start removes.
      await removeDir(dir).catch(() => undefined);
      throw diskFault(error, 'a build was being made');
    }
  }

  async #begin(dir: string): Promise<void> {
    await removeDir(dir);
    await mkdir(this.#directory, { recursive: true });
    // Applications reach their own build by its key, and cannot list the others.
    await chmod(this.#directory, 0o711);
    await mkdir(dir);
    await chmod(dir, 0o755);
  }

  async #commit(dir: string, key: BuildKey): Promise<void> {
    const file = await open(join(dir, MARKER), 'wx', 0o444);
    try {
      await file.writeFile(`${JSON.stringify({ key })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(dir, 0o555);
    await flushed(dir);
    await flushed(this.#directory);
  }

  /** The marker goes first, so that a half-removed build is a leftover and never taken for whole. */
  async remove(key: BuildKey): Promise<void> {
    await this.#making.get(key)?.catch(() => undefined);
    const dir = this.dir(key);
    try {
      await chmod(dir, 0o700);
      await rm(join(dir, MARKER), { force: true });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw diskFault(error, 'a build was being removed');
    }
    await removeDir(dir);
  }

  async list(): Promise<readonly BuildKey[]> {
    const keys: BuildKey[] = [];
    for (const name of await this.#names()) {
      if (KEY.test(name) && (await this.has(buildKey(name)))) keys.push(buildKey(name));
    }
    return keys;
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

  /** At start, before anything is made: what a dead run left running, half-made or half-removed. */
  async removeLeftovers(): Promise<void> {
    await killMarked((mark) => mark.startsWith(this.#directory + sep));
    const whole = new Set<string>(await this.list());
    for (const name of await this.#names()) {
      if (!whole.has(name)) await removeDir(join(this.#directory, name));
    }
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
