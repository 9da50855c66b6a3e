import type { Variable } from '../../domain/request.ts';

/** The same variable twice in one list: the last one wins. What the platform set itself comes back from clients that send what they read. */
export function readVariables(
  sent: readonly (Variable & { readonly internal?: boolean })[],
): readonly Variable[] {
  const own = sent.filter(({ internal }) => internal !== true);
  return [...new Map(own.map(({ name, value }) => [name, value]))].map(([name, value]) => ({ name, value }));
}
