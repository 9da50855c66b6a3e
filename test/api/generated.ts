import assert from 'node:assert/strict';
import * as fc from 'fast-check';

type Schema = Readonly<Record<string, unknown>>;

/** What a schema cannot know: values that exist here. By the member's place, such as `configuration.env`. */
export type Known = (place: string) => fc.Arbitrary<unknown> | undefined;

export interface Vocabulary {
  readonly resolve: (reference: string) => unknown;
  readonly known: Known;
  /** Objects have only what they must. */
  readonly isLeast?: boolean;
}

const LONGEST_LIST = 3;
const USUAL_TEXT = 24;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Text that JSON in UTF-8, and a database, can carry. */
const isSendable = (text: string) => text.isWellFormed() && !text.includes('\0');

/** Everything that a JSON schema allows, as far as the API's own schemas use its words. */
export function valuesOf(schema: unknown, vocabulary: Vocabulary, place = ''): fc.Arbitrary<unknown> {
  assert.ok(isSchema(schema), `${place}: no schema`);
  const { $ref, anyOf, oneOf, enum: choices, const: only, type } = schema;
  if (typeof $ref === 'string') return valuesOf(vocabulary.resolve($ref), vocabulary, place);
  const known = vocabulary.known(place);
  if (known) return known;
  const options = anyOf ?? oneOf;
  if (Array.isArray(options))
    return fc.oneof(...options.map((one: unknown) => valuesOf(one, vocabulary, place)));
  if (Array.isArray(choices)) return fc.constantFrom(...choices);
  if (only !== undefined) return fc.constant(only);
  switch (type) {
    case undefined:
      return fc.jsonValue({ maxDepth: 2 });
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({
        min: numberOf(schema, 'minimum') ?? -1e9,
        max: numberOf(schema, 'maximum') ?? 1e9,
      });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'string':
      return textsOf(schema);
    case 'array':
      return listsOf(schema, vocabulary, place);
    case 'object':
      return objectsOf(schema, vocabulary, place);
    default:
      throw new Error(`${place}: no values of type ${String(type)} are known`);
  }
}

const numberOf = (schema: Schema, name: string): number | undefined => {
  const value = schema[name];
  return typeof value === 'number' ? value : undefined;
};

/** In code points, as schemas count. */
const lengthOf = (text: string) => Array.from(text).length;

function textsOf(schema: Schema): fc.Arbitrary<string> {
  const least = numberOf(schema, 'minLength') ?? 0;
  const most = numberOf(schema, 'maxLength') ?? 1_000;
  const { pattern } = schema;
  if (typeof pattern === 'string') {
    return fc
      .stringMatching(new RegExp(pattern, 'u'))
      .filter((text) => lengthOf(text) >= least && lengthOf(text) <= most && isSendable(text));
  }
  const usual = Math.max(least, Math.min(most, USUAL_TEXT));
  const codePoints = (bounds: { minLength: number; maxLength: number }) =>
    fc.string({ unit: 'binary', ...bounds }).filter(isSendable);
  return fc.oneof(
    { weight: 8, arbitrary: codePoints({ minLength: least, maxLength: usual }) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(most)) },
  );
}

function listsOf(schema: Schema, vocabulary: Vocabulary, place: string): fc.Arbitrary<unknown> {
  const minLength = numberOf(schema, 'minItems') ?? 0;
  const maxLength = Math.max(minLength, Math.min(numberOf(schema, 'maxItems') ?? LONGEST_LIST, LONGEST_LIST));
  return fc.array(valuesOf(schema['items'] ?? {}, vocabulary, `${place}[]`), { minLength, maxLength });
}

function objectsOf(schema: Schema, vocabulary: Vocabulary, place: string): fc.Arbitrary<unknown> {
  const { properties, required, additionalProperties } = schema;
  if (!isSchema(properties)) {
    // The document does not carry the form of names, so these are of a form that none refuses.
    const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,30}$/);
    const values = isSchema(additionalProperties) ? additionalProperties : {};
    return fc.dictionary(names, valuesOf(values, vocabulary, `${place}.*`), { maxKeys: LONGEST_LIST });
  }
  const requiredKeys = Array.isArray(required) ? required.map(String) : [];
  const wanted = Object.entries(properties).filter(
    ([name]) => vocabulary.isLeast !== true || requiredKeys.includes(name),
  );
  const members = Object.fromEntries(
    wanted.map(([name, member]) => [
      name,
      valuesOf(member, vocabulary, place === '' ? name : `${place}.${name}`),
    ]),
  );
  const given = fc.record(members, { requiredKeys });
  if (additionalProperties === false || vocabulary.isLeast === true) return given;
  // Members that no schema knows are nobody's business: clients differ in what they send.
  const foreign = fc.option(fc.jsonValue({ maxDepth: 1 }), { freq: 6, nil: undefined });
  return fc
    .tuple(given, foreign)
    .map(([body, more]) => (more === undefined ? body : { ...body, x_foreign: more }));
}

type Place = readonly (string | number)[];

function placesIn(value: unknown, at: Place = []): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Array.isArray(value)
    ? value.flatMap((item: unknown, index) => placesIn(item, [...at, index]))
    : Object.entries(value).flatMap(([key, member]) => placesIn(member, [...at, key]));
  return [at, ...inner];
}

const gone = Symbol('gone');

function replaced(value: unknown, [first, ...rest]: Place, by: unknown): unknown {
  if (first === undefined) return by;
  if (Array.isArray(value)) {
    return value
      .map((item: unknown, index) => (index === first ? replaced(item, rest, by) : item))
      .filter((item) => item !== gone);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]): [string, unknown] => [key, key === first ? replaced(member, rest, by) : member])
      .filter(([, member]) => member !== gone),
  );
}

const wrong: readonly unknown[] = [
  gone,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  ' ',
  'x'.repeat(5_000),
  '-',
  'ünïcödé',
  '\u202Egpj',
  '{{7*7}}',
  '../../etc/passwd',
  [],
  {},
  [[[]]],
  [{}],
  { constructor: { prototype: {} } },
];

/** A body with one to three of its values lost or replaced. */
export const mutationsOf = (body: unknown): fc.Arbitrary<unknown> =>
  fc
    .array(fc.tuple(fc.constantFrom(...placesIn(body)), fc.constantFrom(...wrong)), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      const mutated = changes.reduce<unknown>((value, [place, by]) => replaced(value, place, by), body);
      return mutated === gone ? undefined : mutated;
    });

/** As the API reads it: `null` is as good as absent. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNulls(member)]),
  );
}
