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

/** Another process writes to the file and does not end. */
export const storeLocked = (file: string): Problem =>
  new Problem(
    'unavailable',
    `The database ${file} is locked by another program, so nothing was changed. Try again; if it goes on, find the program (fuser ${file}) and end it.`,
  );

/** The connection broke while the change was being committed, and nobody could tell since whether it was. */
export const outcomeUnknown = (cause: unknown): Problem =>
  new Problem(
    'unavailable',
    `The connection to the database was lost while the change was being stored (${cause instanceof Error ? cause.message : String(cause)}); whether it was stored is not known. Look at what is there, or repeat the request: while its job is open, the same request gets the same job.`,
    {},
    { cause },
  );

/** Another platform may have the database: nothing of this one counts. */
export const placeLost = (): Problem =>
  new Problem(
    'unavailable',
    'This platform cannot prove at the moment that it is the only one on the database, so nothing was changed; repeat the request. If it goes on, look whether the database server answers and whether another platform was started on it.',
  );

const UNSTORABLE = /\0/g;

/**
 * Text as both databases can hold it. What people send is refused at the request; this is for what programs print:
 * NUL, which PostgreSQL refuses, and halves of surrogate pairs, which have no form in UTF-8, become U+FFFD.
 */
export function storable(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replace(UNSTORABLE, '\uFFFD') : whole;
}

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
