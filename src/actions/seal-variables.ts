import { seal, type SealedVariable } from '../domain/envelope.ts';
import { MASKED, type Variable } from '../domain/request.ts';
import type { Services } from './caller.ts';

/** Seals what was sent; a masked value under a name that is stored already keeps what is stored. */
export function sealVariables(
  { key, newNonce }: Pick<Services, 'key' | 'newNonce'>,
  sent: readonly Variable[],
  stored: readonly SealedVariable[],
): SealedVariable[] {
  return sent.map(({ name, value }) => {
    const kept = value === MASKED ? stored.find((variable) => variable.name === name) : undefined;
    return kept ?? { name, value: seal(key, value, newNonce()) };
  });
}
