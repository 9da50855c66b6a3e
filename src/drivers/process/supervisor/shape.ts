/** Says whether a value from a socket or a file is a T. When not, `wrong` collects the way to the bad member, innermost first. */
export type Is<T> = (value: unknown, wrong?: string[]) => value is T;

type OptionalKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];
type RequiredKeys<T> = Exclude<keyof T, OptionalKeys<T>>;
type Shape<T, K extends keyof T> = { readonly [P in K]-?: Is<Exclude<T[P], undefined>> };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Members that the shape does not know are let through: a newer peer may send them. */
export function object<T extends object>(
  required: Shape<T, RequiredKeys<T>>,
  optional: Shape<T, OptionalKeys<T>>,
): Is<T> {
  const needed = Object.entries<Is<unknown>>(required);
  const possible = Object.entries<Is<unknown>>(optional);
  return (value, wrong): value is T => {
    if (!isRecord(value)) return false;
    const bad =
      needed.find(([name, is]) => !is(value[name], wrong)) ??
      possible.find(([name, is]) => value[name] !== undefined && !is(value[name], wrong));
    if (bad) wrong?.push(bad[0]);
    return bad === undefined;
  };
}

export const text = <T extends string = string>(value: unknown): value is T => typeof value === 'string';
export const number = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);
export const natural = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
export const boolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const anything = (value: unknown): value is unknown => value !== undefined;

export const oneOf =
  <const T extends string>(...words: readonly T[]): Is<T> =>
  (value): value is T =>
    words.some((word) => word === value);

export const list =
  <T>(is: Is<T>): Is<readonly T[]> =>
  (value, wrong): value is readonly T[] =>
    Array.isArray(value) && value.every((entry) => is(entry, wrong));

export const record =
  <T>(is: Is<T>): Is<Readonly<Record<string, T>>> =>
  (value, wrong): value is Readonly<Record<string, T>> =>
    isRecord(value) && Object.values(value).every((entry) => is(entry, wrong));

export const either =
  <A, B>(a: Is<A>, b: Is<B>): Is<A | B> =>
  (value, wrong): value is A | B =>
    a(value) || b(value, wrong);

export const both =
  <A, B>(a: Is<A>, b: Is<B>): Is<A & B> =>
  (value, wrong): value is A & B =>
    a(value, wrong) && b(value, wrong);

/** The value itself, or an error that names the member. */
export function expect<T>(is: Is<T>, value: unknown, what: string): T {
  const wrong: string[] = [];
  if (is(value, wrong)) return value;
  const member = wrong.toReversed().join('.');
  throw new Error(`${what} is not in the expected form${member ? ` at "${member}"` : ''}.`);
}
