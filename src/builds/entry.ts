import { Problem } from '../domain/errors.ts';

/** One thing that an archive says it holds, before anything of it is believed. */
export interface Entry {
  /** As the archive spells it. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** What the archive claims. */
  readonly size: number;
  readonly isExecutable: boolean;
  /** Of links. */
  readonly target?: string;
  /** For the message, where `kind` is "other": "a device". */
  readonly what?: string;
}

/** Gets every entry in the archive's order. To read the body, a promise is returned; without one it is passed over. */
export type Visit = (entry: Entry, body: AsyncIterable<Uint8Array>) => Promise<void> | undefined;

const MAX_DEPTH = 100;
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 2048;

const quoted = (name: string): string =>
  JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name).replace(/[\p{Cf}]/gu, '?');

export const unusableEntry = (
  name: string,
  reason: string,
  advice = 'build the package again without it',
): Problem => new Problem('packageUnusable', `The package's entry ${quoted(name)} ${reason}; ${advice}.`);

export const unusablePackage = (reason: string, cause?: unknown): Problem =>
  new Problem('packageUnusable', reason, {}, { cause });

/** Where an entry goes below its root, with "/" between names; '' is the root itself. Throws where it might leave it. */
export function entryPath(name: string): string {
  if (name === '') throw unusableEntry(name, 'has no name');
  if (/\p{Cc}/u.test(name)) throw unusableEntry(name, 'has a control character in its name');
  if (name.includes('\\')) {
    throw unusableEntry(name, 'has a backslash in its name', 'pack it with "/" between directories');
  }
  if (name.startsWith('/')) throw unusableEntry(name, 'is an absolute path', 'pack it with relative names');
  if (/^[A-Za-z]:/.test(name)) throw unusableEntry(name, 'names a drive', 'pack it with relative names');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw unusableEntry(name, 'leads out of its directory', 'pack it without ".."');
  }
  if (parts.length > MAX_DEPTH) throw unusableEntry(name, `is nested deeper than ${MAX_DEPTH} directories`);
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    throw unusableEntry(name, `has a name longer than ${MAX_NAME_BYTES} bytes`);
  }
  const path = parts.join('/');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw unusableEntry(name, `has a path longer than ${MAX_PATH_BYTES} bytes`);
  }
  return path;
}

/**
 * Whether a symbolic link at `path` stays below the root. Only leading ".." are taken: the link's own directories are
 * never links, so those lead where they seem to, and what follows only descends.
 */
export function staysInside(path: string, target: string): boolean {
  if (/[\p{Cc}\\]/u.test(target) || target.startsWith('/') || /^[A-Za-z]:/.test(target)) return false;
  if (target === '' || Buffer.byteLength(target) > MAX_PATH_BYTES) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const ups = parts.findIndex((part) => part !== '..');
  const leading = ups === -1 ? parts.length : ups;
  return !parts.slice(leading).includes('..') && leading <= path.split('/').length - 1;
}
