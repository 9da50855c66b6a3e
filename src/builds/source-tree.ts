import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../domain/disk-fault.ts';

const TEXT_BYTES_MOST = 1024 * 1024;

/**
 * A tree that strangers made. The platform may be root, so it looks at plain files only, and follows no link: one could
 * lead to what its maker may not read.
 */
export class SourceTree {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async has(name: string): Promise<boolean> {
    return (await this.#mode(name)) !== undefined;
  }

  async isExecutable(name: string): Promise<boolean> {
    return (((await this.#mode(name)) ?? 0) & 0o111) !== 0;
  }

  /** Undefined too where it is too long to be what is looked for. */
  async text(name: string): Promise<string | undefined> {
    if (!(await this.has(name))) return undefined;
    try {
      const file = await open(
        join(this.dir, name),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        const { size } = await file.stat();
        return size > TEXT_BYTES_MOST ? undefined : await file.readFile('utf8');
      } finally {
        await file.close();
      }
    } catch (error) {
      if (['ENOENT', 'ELOOP', 'EACCES'].includes(systemCode(error))) return undefined;
      throw error;
    }
  }

  /** Plain files in a directory of the tree, by name. */
  async filesIn(directory: string): Promise<readonly string[]> {
    return this.#entries(directory, (entry) => entry.isFile());
  }

  async directoriesIn(directory: string): Promise<readonly string[]> {
    return this.#entries(directory, (entry) => entry.isDirectory());
  }

  async #entries(
    directory: string,
    isMeant: (entry: { isFile(): boolean; isDirectory(): boolean }) => boolean,
  ): Promise<readonly string[]> {
    if (!(await this.#isInside(directory))) return [];
    const entries = await readdir(join(this.dir, directory), { withFileTypes: true }).catch(() => []);
    return entries
      .filter(isMeant)
      .map(({ name }) => name)
      .toSorted();
  }

  /** Of a plain file that bears no other name. */
  async #mode(name: string): Promise<number | undefined> {
    const parent = name.split('/').slice(0, -1).join('/');
    if (!(await this.#isInside(parent))) return undefined;
    const found = await lstat(join(this.dir, name)).catch(() => undefined);
    return found?.isFile() && found.nlink === 1 ? found.mode : undefined;
  }

  async #isInside(directory: string): Promise<boolean> {
    if (directory.split('/').includes('..')) return false;
    const place = join(this.dir, directory);
    const real = await realpath(place).catch(() => undefined);
    return real !== undefined && real === join(await realpath(this.dir), directory);
  }
}
