type Json = Readonly<Record<string, unknown>>;
type Claim<T> = (value: unknown) => value is T;

/** What this folder wrote comes back with its type; a text that cannot be it means a damaged row. */
export function parseJson<T>(text: string, column: string, isRight: Claim<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(column, error);
  }
  if (!isRight(value)) throw damaged(column);
  return value;
}

const damaged = (column: string, cause?: unknown) =>
  new Error(`The store holds something else than expected in ${column}; restore a backup.`, { cause });

export const parseOptionalJson = <T>(
  text: string | null,
  column: string,
  isRight: Claim<T>,
): T | undefined => (text === null ? undefined : parseJson(text, column, isRight));

export const optionalJson = (value: unknown): string | null =>
  value === undefined ? null : JSON.stringify(value);

export const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isListOf =
  <T>(isItem: Claim<T>) =>
  (value: unknown): value is readonly T[] =>
    Array.isArray(value) && value.every(isItem);

/** An object whose named members are of the named JavaScript types; other members are not looked at. */
export const isShape =
  <T extends object>(
    members: Partial<Record<keyof T & string, 'string' | 'number' | 'boolean' | 'object'>>,
  ) =>
  (value: unknown): value is T =>
    isRecord(value) &&
    Object.entries(members).every(([name, type]) => typeof value[name] === type && value[name] !== null);
