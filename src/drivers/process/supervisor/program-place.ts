import { realpathSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { isWithin } from '../../../domain/volume.ts';

/** Of the data directory, what is for every application: the platform's own Node and the runtimes it installed. */
export const sharedDirs = (dataDir: string): readonly string[] => [
  join(dataDir, 'node'),
  join(dataDir, 'runtimes'),
];

/**
 * Why a program cannot be what is started: it lies in the data directory, but not where the application's own files
 * are. A tenant names it, and whoever owns a directory can put a link into it that leads elsewhere a moment later.
 */
export function whyOutOfPlace(program: string, dataDir: string, own: readonly string[]): string | undefined {
  if (!isAbsolute(program)) return undefined;
  const seen = [...own, ...sharedDirs(dataDir)];
  const isStrange = (path: string, root: string, dirs: readonly string[]) =>
    isWithin(path, root) && !dirs.some((dir) => isWithin(path, dir));
  const isOutside =
    isStrange(program, dataDir, seen) || isStrange(realOf(program), realOf(dataDir), seen.map(realOf));
  if (!isOutside) return undefined;
  return (
    `${program} lies in the data directory of the platform, outside of what the instance may use there; ` +
    `name a program of the package (a relative path begins there) or of the host.`
  );
}

/** What is missing leads nowhere. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
