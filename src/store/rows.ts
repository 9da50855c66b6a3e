/** A row's value as records hold it: what is null in the database is absent in the record. */
export type Present<T> = {
  readonly [K in keyof T as null extends T[K] ? never : undefined extends T[K] ? never : K]: T[K];
} & {
  readonly [K in keyof T as null extends T[K] ? K : undefined extends T[K] ? K : never]?: NonNullable<T[K]>;
};

export function present<T extends object>(row: T): Present<T>;
export function present(row: object): object {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined));
}

/** Only the members that were given, so that an update leaves the other columns alone; null clears one. */
export function given<T extends object>(columns: T): { [K in keyof T]?: Exclude<T[K], undefined> };
export function given(columns: object): object {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}

/** The one of `words` that `text` is; anything else means that the row was written by something else. */
export function oneOf<W extends string>(words: readonly W[], text: string, column: string): W {
  const word = words.find((one) => one === text);
  if (word === undefined) {
    throw new Error(
      `The store holds "${text}" in ${column}; expected one of ${words.join(', ')}. Restore a backup.`,
    );
  }
  return word;
}
