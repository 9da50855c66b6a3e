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
