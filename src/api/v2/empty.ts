type Json = Readonly<Record<string, unknown>>;

/** No text, or nothing but empty members: clients send such although nothing was set. */
export const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === '' ||
  (Array.isArray(value) && value.every(isEmpty)) ||
  (typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isEmpty));

export const withoutEmpty = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value)));
