import { readFileSync } from 'node:fs';

/** Some forty are in use when nothing happens; the rest is for requests, packages and database connections. */
export const OPEN_FILES_LEAST = 256;

/** Why the platform does not start with so few files; undefined where it may open enough, or nobody tells. */
export function tooFewOpenFiles(limitsFile = '/proc/self/limits'): string | undefined {
  let limits: string;
  try {
    limits = readFileSync(limitsFile, 'utf8');
  } catch {
    return undefined;
  }
  // "unlimited" is no number, and enough.
  const most = Number(/^Max open files\s+(\d+)\s/m.exec(limits)?.[1] ?? Infinity);
  if (most >= OPEN_FILES_LEAST) return undefined;
  return `The platform may open only ${most} files at once, and needs at least ${OPEN_FILES_LEAST}; raise the limit with "ulimit -n 4096", or LimitNOFILE= where systemd starts it.`;
}
