import { Problem } from '../domain/errors.ts';

/** JSON bodies. The largest real one, an instance with hundreds of variables, stays far below. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Levels of nesting; the deepest known body has eight. */
const MAX_DEPTH = 40;

/** A member of what a client sent, as it is named in messages: refer_resources[0].type. */
export const memberPath = (parent: string, key: string | number): string => {
  if (typeof key === 'number') return `${parent}[${key}]`;
  return parent === '' ? key : `${parent}.${key}`;
};

/**
 * JSON text to plain data; `__proto__` is a name like any other unknown one and goes. An empty text is no body.
 */
export function parseBody(bytes: Buffer): unknown {
  const text = decode(bytes);
  if (text.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = /at position \d+/.exec(error instanceof Error ? error.message : '')?.[0] ?? 'somewhere';
    throw new Problem(
      'malformedRequest',
      `The body is not JSON (${place}); expected one JSON object in UTF-8.`,
    );
  }
  return clean(value, '', 0);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Problem('malformedRequest', 'The body is not UTF-8; expected one JSON object in UTF-8.');
  }
}

function clean(value: unknown, path: string, depth: number): unknown {
  if (depth > MAX_DEPTH) {
    throw new Problem(
      'malformedRequest',
      `The body is nested deeper than ${MAX_DEPTH} levels; expected less.`,
    );
  }
  if (typeof value === 'string') return cleanText(value, path);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Problem('invalid', `Field "${path}" is too large a number; expected one that fits 64 bits.`);
  }
  if (Array.isArray(value))
    return value.map((item, index) => clean(item, memberPath(path, index), depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') continue;
    kept[cleanText(key, path)] = clean(member, memberPath(path, key), depth + 1);
  }
  return kept;
}

/** NUL and half surrogate pairs are no text for a database. */
function cleanText(text: string, path: string): string {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new Problem(
      'invalid',
      `Field "${path}" holds a NUL or a broken surrogate pair; expected text that UTF-8 can carry.`,
    );
  }
  return text;
}
