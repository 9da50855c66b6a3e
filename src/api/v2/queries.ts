import { Problem } from '../../domain/errors.ts';
import { textOf } from './paging.ts';

/** `force=true|false`, in any case; absent or empty: false. */
export function readForce(query: Readonly<Record<string, unknown>>): boolean {
  const text = textOf(query, 'force')?.toLowerCase() ?? '';
  if (text === 'true') return true;
  if (text === 'false' || text === '') return false;
  throw new Problem(
    'invalid',
    `Query "force" is ${JSON.stringify(text.slice(0, 60))}; expected true or false.`,
  );
}
