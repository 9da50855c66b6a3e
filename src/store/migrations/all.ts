import { firstTables } from './0001-first-tables.ts';

/** What the databases call the same thing. */
export interface Words {
  /** Text that is compared and ordered by its bytes. */
  readonly text: string;
  /** A whole number of 64 bits. */
  readonly whole: string;
  /** After the closing bracket of a table. */
  readonly tableEnd: string;
}

/** A step forward. Never edited once it was released: a checksum of its statements is kept beside the tables. */
export interface Migration {
  /** Sorts after the one before it. */
  readonly name: string;
  statements(words: Words): readonly string[];
}

/** In order; there is no way back, but a backup from before the upgrade. */
export const migrations: readonly Migration[] = [firstTables];
