import type { LogRule } from './log-rule.ts';

/** Where a volume is seen by the application. */
export interface Mount {
  /** Absolute, or below the application's HOME. Without "." and "..". */
  readonly path: string;
  readonly readOnly: boolean;
  /** A directory of the volume, made where it is missing; absent: all of it. */
  readonly subPath?: string;
}

export type Volume = VolumeSource & {
  readonly mounts: readonly Mount[];
  /** The application writes log files into it; it has one mount then. */
  readonly logs?: LogRule;
};

export type VolumeSource =
  /** `root`: what the operator allows, which the path must not leave by any link. */
  | { readonly kind: 'host'; readonly path: string; readonly root: string }
  /** Empty at first, and gone with its replica; in memory, already with its process. */
  | { readonly kind: 'empty'; readonly inMemory: boolean };

export const isAbsolute = (path: string): boolean => path.startsWith('/');

/** Only a mount namespace of the replica's own can show a volume there. */
export const needsNamespace = (volumes: readonly Volume[] | undefined): boolean =>
  (volumes ?? []).some(({ mounts }) => mounts.some(({ path }) => isAbsolute(path)));

/** Whether a path is a directory or lies in it, as text. */
export const isWithin = (path: string, dir: string): boolean =>
  path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);

/** Covered, they would leave an application without its own libraries, or take it for another. */
const SYSTEM_DIRS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var/run',
];

/** Where nothing may be mounted. */
export const neededDirs = (dataDir: string): readonly string[] => [...SYSTEM_DIRS, dataDir];
