import { Ajv, type ErrorObject } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import { Problem } from '../domain/errors.ts';
import { memberPath } from './body.ts';
import { withoutNulls } from './nulls.ts';

/** Of what was sent, this much is repeated in a message. */
const SHOWN_MOST = 60;

/** Never repeated, not even to their sender: answers end up in logs. */
const secretNames = /(^|[._])(value|password|passcode|secret|token)$/i;

const ajv = new Ajv({
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
  allErrors: false,
  verbose: true,
});

/**
 * Bodies are held to their schema. Path members are looked up and queries read by rules that refuse almost nothing
 * (contract, "Paging and order"), so their schemas only describe them.
 */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  if (httpPart !== 'body') return () => true;
  const validate = ajv.compile(schema);
  return (sent: unknown) => {
    const body = withoutNulls(sent, schema);
    if (validate(body)) return { value: body };
    const error = validate.errors?.at(-1);
    return { error: new Problem('invalid', error ? sentence(error) : 'The body does not fit its schema.') };
  };
};

/** "Field "replica" is "two"; expected a whole number of at least 0." */
export function sentence(error: ErrorObject): string {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((parent, part) => memberPath(parent, /^\d+$/.test(part) ? Number(part) : part), '');
  if (error.keyword === 'required') {
    const missing = textOf(error.params, 'missingProperty');
    const members = memberOf(error.parentSchema, 'properties');
    return `Field "${memberPath(path, missing)}" is missing; expected ${expected(memberOf(members, missing))}.`;
  }
  if (path === '' && (error.data === undefined || error.data === null)) {
    return `The body is missing; expected ${expected(error.parentSchema)}.`;
  }
  const name = path === '' ? 'The body' : `Field "${path}"`;
  return `${name} is ${shown(path, error.data)}; expected ${expected(error.parentSchema)}.`;
}

/** What was sent, cut; of secrets only the kind. */
export function shown(path: string, value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null) return 'null';
  if (typeof value === 'object') return 'an object';
  if (secretNames.test(path)) return `a ${typeof value} that does not fit`;
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_MOST ? `${text.slice(0, SHOWN_MOST)}… (${text.length} characters)` : text;
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a JSON object',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function expected(schema: unknown): string {
  const description = textOf(schema, 'description');
  if (description !== '') return description;
  const choices = memberOf(schema, 'enum');
  if (Array.isArray(choices)) return `one of ${choices.join(', ')}`;
  const bounds = [
    bound(schema, 'minimum', 'at least'),
    bound(schema, 'maximum', 'at most'),
    bound(schema, 'minLength', 'at least', ' characters'),
    bound(schema, 'maxLength', 'at most', ' characters'),
    bound(schema, 'minItems', 'at least', ' entries'),
    bound(schema, 'maxItems', 'at most', ' entries'),
  ].filter((text) => text !== '');
  const kind = kinds[textOf(schema, 'type')] ?? 'another value';
  return bounds.length > 0 ? `${kind} of ${bounds.join(' and ')}` : kind;
}

function bound(schema: unknown, keyword: string, words: string, unit = ''): string {
  const limit = memberOf(schema, keyword);
  return typeof limit === 'number' ? `${words} ${limit}${unit}` : '';
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function textOf(value: unknown, key: string): string {
  const member = memberOf(value, key);
  return typeof member === 'string' ? member : '';
}
