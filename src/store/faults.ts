import { Problem } from '../domain/errors.ts';

/** Two live rows would bear one name. `constraint` is a name out of tables.ts `unique`, or `<table>_pkey`. */
export class UniqueViolation extends Error {
  readonly constraint: string;
  constructor(constraint: string, options?: ErrorOptions) {
    super(`The row breaks the unique rule ${constraint}; another row holds that value.`, options);
    this.name = 'UniqueViolation';
    this.constraint = constraint;
  }
}

/** The database gave up one of two transactions that were in each other's way; it may be run again. */
export class Conflict extends Error {
  constructor(options?: ErrorOptions) {
    super('The transaction conflicted with another one and was rolled back; run it again.', options);
    this.name = 'Conflict';
  }
}

/** A fault of the disk, the connection or the server: nothing was stored, and the same call may work later. */
export const storeUnavailable = (cause: unknown): Problem =>
  new Problem(
    'unavailable',
    `The store cannot be used now (${cause instanceof Error ? cause.message : String(cause)}); nothing was changed. Repeat the request; if it goes on, look at the disk or the database server.`,
    {},
    { cause },
  );

/** Called with each statement before it runs; a throw stands for a fault of the database. For tests. */
export type Tap = (sql: string) => void;

/** Of the system below either database: disk full, I/O error, broken or refused connections. */
const systemFaults: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EIO',
  'EBUSY',
  'EDQUOT',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOENT',
  'EPIPE',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const isSystemFault = (error: unknown): boolean => systemFaults.has(codeOf(error));
