import { entryPath, staysInside, unusableEntry, unusablePackage } from './entry.ts';
import type { Entry } from './entry.ts';

export interface UnpackLimits {
  readonly entries: number;
  /** Of everything unpacked. */
  readonly bytes: number;
  /** Unpacked over packed; only counts above `freeBytes`, since small packages may well hold zeros. */
  readonly ratio: number;
  readonly freeBytes: number;
}

export const unpackLimits: UnpackLimits = {
  entries: 200_000,
  bytes: 4 * 1024 ** 3,
  ratio: 100,
  freeBytes: 64 * 1024 ** 2,
};

type Planned =
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly name: string; readonly size: number; readonly isExecutable: boolean }
  | { readonly kind: 'symlink' | 'hardlink'; readonly name: string; readonly target: string };

export type Step = Planned & {
  /** Below the package's directory. */
  readonly path: string;
};

/** What macOS adds beside the content; it would keep a single directory from being the root. */
const isClutter = (path: string): boolean => path === '__MACOSX' || path.startsWith('__MACOSX/');

/** An unpacked WAR's own directory is content, not a wrapping. */
const isWrapping = (name: string): boolean => name !== 'WEB-INF' && name !== 'bin';

/** Everything an archive would do, checked as a whole before any of it is done. */
export class ArchivePlan {
  readonly #limits: UnpackLimits;
  readonly #allowedBytes: number;
  readonly #planned = new Map<string, Planned>();
  #entries = 0;
  #claimed = 0;
  #seen = 0;

  constructor(packedBytes: number, limits: UnpackLimits) {
    this.#limits = limits;
    this.#allowedBytes = Math.min(limits.bytes, Math.max(limits.freeBytes, limits.ratio * packedBytes));
  }

  /** Counts what came out of the decompressor; throws once that is more than the archive can honestly hold. */
  count(bytes: number): void {
    this.#seen += bytes;
    this.#boundBytes(this.#seen);
  }

  /** Claimed beforehand, by a table of contents. */
  expectEntries(count: number): void {
    if (count > this.#limits.entries) throw this.#tooMany();
  }

  add(entry: Entry): void {
    this.#entries += 1;
    this.expectEntries(this.#entries);
    this.#claimed += entry.size;
    this.#boundBytes(this.#claimed);
    const path = entryPath(entry.name);
    if (isClutter(path)) return;
    if (entry.kind === 'other') {
      throw unusableEntry(
        entry.name,
        `is ${entry.what ?? 'of an unknown kind'}; expected files, directories and links`,
      );
    }
    if (path === '') {
      if (entry.kind === 'directory') return;
      throw unusableEntry(entry.name, 'stands for the root, and is not a directory');
    }
    this.#addParents(path, entry.name);
    this.#place(path, entry);
  }

  #addParents(path: string, name: string): void {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const parent = path.slice(0, end);
      const there = this.#planned.get(parent);
      if (there === undefined) this.#set(parent, { kind: 'directory' });
      else if (there.kind !== 'directory') {
        throw unusableEntry(
          name,
          `would be written through ${JSON.stringify(parent)}, which is no directory`,
        );
      }
    }
  }

  #place(path: string, { name, kind, size, isExecutable, target = '' }: Entry): void {
    const there = this.#planned.get(path);
    if (there !== undefined) {
      if (there.kind === 'directory' && kind === 'directory') return;
      throw unusableEntry(name, 'is there twice', 'pack every name once');
    }
    if (kind === 'file') this.#set(path, { kind, name, size, isExecutable });
    else if (kind === 'symlink' || kind === 'hardlink') this.#set(path, { kind, name, target });
    else this.#set(path, { kind: 'directory' });
  }

  #set(path: string, planned: Planned): void {
    this.#planned.set(path, planned);
    if (this.#planned.size > this.#limits.entries) throw this.#tooMany();
  }

  /** Undefined for what is not unpacked. */
  pathOf(entry: Entry): string | undefined {
    const path = entryPath(entry.name);
    return path === '' || isClutter(path) ? undefined : path;
  }

  /** The single directory that holds everything, where there is one: its content is the package. */
  wrapping(): string | undefined {
    let found: string | undefined;
    for (const [path, { kind }] of this.#planned) {
      if (path.includes('/')) continue;
      if (found !== undefined || kind !== 'directory') return undefined;
      found = path;
    }
    return found !== undefined && isWrapping(found) ? found : undefined;
  }

  /** In an order that can be followed: directories before their content; links are for last. */
  steps(): readonly Step[] {
    const wrapping = this.wrapping();
    const below = (path: string) => (wrapping === undefined ? path : path.slice(wrapping.length + 1));
    const steps: Step[] = [];
    for (const [whole, planned] of this.#planned) {
      const path = below(whole);
      if (path === '') continue;
      steps.push({ ...this.#checkedLink(planned, path, below), path });
    }
    if (!steps.some(({ kind }) => kind === 'file')) {
      throw unusablePackage('The package holds no file; build it again with its content.');
    }
    return steps;
  }

  #checkedLink(planned: Planned, path: string, below: (path: string) => string): Planned {
    if (planned.kind === 'symlink' && !staysInside(path, planned.target)) {
      throw unusableEntry(
        planned.name,
        `is a link to ${JSON.stringify(planned.target)}, which may lead out of the package`,
      );
    }
    if (planned.kind !== 'hardlink') return planned;
    const target = entryPath(planned.target);
    if (this.#planned.get(target)?.kind !== 'file') {
      throw unusableEntry(
        planned.name,
        `is a hard link to ${JSON.stringify(planned.target)}, which is no file of the package`,
      );
    }
    return { ...planned, target: below(target) };
  }

  #boundBytes(bytes: number): void {
    if (bytes <= this.#allowedBytes) return;
    throw unusablePackage(
      `The package unpacks to more than ${this.#allowedBytes} bytes, the most for its size; a package may grow by ${this.#limits.ratio} times, to ${this.#limits.bytes} bytes at most.`,
    );
  }

  #tooMany() {
    return unusablePackage(
      `The package holds more than ${this.#limits.entries} files and directories; build it with fewer.`,
    );
  }
}
