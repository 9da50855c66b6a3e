import { Problem } from './errors.ts';

/** What a disk that is full, broken or out of handles says; the same call may work later. */
const faults: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
]);

export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Turns a fault of the disk into a Problem that can be tried again; leaves every other error as it is. */
export function diskFault(error: unknown, doing: string): unknown {
  const code = systemCode(error);
  if (!faults.has(code)) return error;
  return new Problem(
    'unavailable',
    `The disk failed while ${doing} (${code}); nothing was kept. Free space or repair the disk of the data directory, then try again.`,
    {},
    { cause: error },
  );
}
