import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Dir, isAbsence } from './tree.ts';

/** As many as the kernel itself follows. */
const LINKS_MOST = 40;

/** An entry of a tree, held by the directory that it really lies in. */
interface Held {
  readonly dir: Dir;
  readonly name: string;
  readonly stats: Stats;
}

/**
 * A tree that strangers filled, looked at from its root. Links are followed as long as they stay in it; one that leads
 * out leads to nothing. Each step goes by descriptor, so none can be swapped while it is taken.
 */
export class Beneath {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async isFile(path: string): Promise<boolean> {
    return (await this.stat(path))?.isFile() ?? false;
  }

  async isDirectory(path: string): Promise<boolean> {
    return (await this.stat(path))?.isDirectory() ?? false;
  }

  async isExecutableFile(path: string): Promise<boolean> {
    const found = await this.stat(path);
    return found !== undefined && found.isFile() && (found.mode & 0o111) !== 0;
  }

  /** Of what a path leads to; undefined where that is nothing, or lies outside. */
  stat(path: string): Promise<Stats | undefined> {
    return this.#at(path, ({ stats }) => Promise.resolve(stats));
  }

  /** A plain file, to be closed by the caller. */
  open(path: string): Promise<FileHandle | undefined> {
    return this.#at(path, async ({ dir, name, stats }) => (stats.isFile() ? dir.file(name) : undefined));
  }

  /** Names of a directory with what they are, links as links; none where it is no directory of the tree. */
  async entries(path = ''): Promise<readonly { readonly name: string; readonly stats: Stats }[]> {
    const found = await this.#at(path, async ({ dir, name }) => {
      const opened = name === '' ? dir : await dir.directory(name);
      try {
        const all: { readonly name: string; readonly stats: Stats }[] = [];
        for (const each of (await opened.names()).sort())
          all.push({ name: each, stats: await opened.look(each) });
        return all;
      } finally {
        if (opened !== dir) await opened.close();
      }
    });
    return found ?? [];
  }

  async #at<T>(path: string, work: (held: Held) => Promise<T>): Promise<T | undefined> {
    const dirs: Dir[] = [];
    try {
      dirs.push(await Dir.root(this.root));
      const held = await this.#walk(dirs, path);
      return held && (await work(held));
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    } finally {
      for (const dir of dirs) await dir.close();
    }
  }

  /** `dirs` are the directories down to where we are; the caller closes them. */
  async #walk(dirs: Dir[], path: string): Promise<Held | undefined> {
    const left = partsOf(path);
    let links = 0;
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const dir = dirs.at(-1);
      if (!dir) return undefined;
      if (name === '..') {
        if (dirs.length === 1) return undefined;
        await dirs.pop()?.close();
        continue;
      }
      const stats = await dir.look(name);
      if (stats.isSymbolicLink()) {
        links += 1;
        const target = this.#inside(await dir.linkOf(name));
        if (links > LINKS_MOST || target === undefined) return undefined;
        if (target.isFromRoot) for (const each of dirs.splice(1)) await each.close();
        left.unshift(...target.parts);
      } else if (left.length === 0) return { dir, name, stats };
      else dirs.push(await dir.directory(name));
    }
    const last = dirs.at(-1);
    return last && { dir: last, name: '', stats: await last.stat() };
  }

  /** What a link says; one of a virtual environment names its own place in full. */
  #inside(target: string): { readonly parts: string[]; readonly isFromRoot: boolean } | undefined {
    if (!target.startsWith('/')) return { parts: partsOf(target), isFromRoot: false };
    if (target !== this.root && !target.startsWith(`${this.root}/`)) return undefined;
    return { parts: partsOf(target.slice(this.root.length)), isFromRoot: true };
  }
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');
