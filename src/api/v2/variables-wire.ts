import type { Variable } from '../../domain/request.ts';

/** The same variable twice in one list: the last one wins. */
export function readVariables(sent: readonly Variable[]): readonly Variable[] {
  return [...new Map(sent.map(({ name, value }) => [name, value]))].map(([name, value]) => ({ name, value }));
}
