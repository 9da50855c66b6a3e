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
  /**
   * Only adds what a version that does not know it may leave alone: tables, indexes, columns that are null or have a
   * default. Then the version before can come back to this database; else it refuses to start.
   */
  readonly isExpanding: boolean;
  statements(words: Words): readonly string[];
}
