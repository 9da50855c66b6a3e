import type { Stats } from 'node:fs';
import { openDirIn, openFileIn } from '../files/tree.ts';

const TEXT_BYTES_MOST = 1024 * 1024;

/**
 * A tree that strangers made. The platform may be root, so it looks at plain files only, each by descriptors from the
 * top, and follows no link: one could lead to what its maker may not read.
 */
export class SourceTree {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async has(name: string): Promise<boolean> {
    return (await this.#file(name)) !== undefined;
  }

  async isExecutable(name: string): Promise<boolean> {
    return (((await this.#file(name))?.mode ?? 0) & 0o111) !== 0;
  }

  /** Undefined too where it is too long to be what is looked for. */
  async text(name: string): Promise<string | undefined> {
    await using file = await openFileIn(this.dir, name);
    if (!file) return undefined;
    const stats = await file.stat();
    if (stats.nlink !== 1 || stats.size > TEXT_BYTES_MOST) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size), 0, stats.size, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  }

  /** Plain files in a directory of the tree, by name. */
  async filesIn(directory: string): Promise<readonly string[]> {
    return this.#entries(directory, (entry) => entry.isFile());
  }

  async directoriesIn(directory: string): Promise<readonly string[]> {
    return this.#entries(directory, (entry) => entry.isDirectory());
  }

  async *content(name: string): AsyncGenerator<Uint8Array> {
    const file = await openFileIn(this.dir, name);
    if (!file) throw new Error(`${name} is no longer in the tree.`);
    yield* file.createReadStream();
  }

  async #entries(directory: string, isMeant: (entry: Stats) => boolean): Promise<readonly string[]> {
    const dir = await openDirIn(this.dir, directory);
    if (!dir) return [];
    try {
      const found: string[] = [];
      for (const name of await dir.names()) if (isMeant(await dir.look(name))) found.push(name);
      return found.toSorted();
    } finally {
      await dir.close();
    }
  }

  /** Of a plain file that bears no other name. */
  async #file(name: string): Promise<Stats | undefined> {
    await using file = await openFileIn(this.dir, name);
    const stats = await file?.stat();
    return stats?.nlink === 1 ? stats : undefined;
  }
}
