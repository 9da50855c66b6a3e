import type { SealedVariable } from './envelope.ts';
import { Problem } from './errors.ts';

/** Of all variables of an application, names and values: each start carries them, and the kernel takes 2 MiB with the rest. */
export const MOST_VARIABLE_BYTES = 512 * 1024;

const SEAL_BYTES = 16;

const bytesOf = ({ name, value }: SealedVariable): number =>
  Buffer.byteLength(name) + Math.max(0, Buffer.byteLength(value.data, 'base64') - SEAL_BYTES);

/** A Problem where they are too much together; of one name the last one counts. `whose` begins a sentence. */
export function assertVariables(variables: readonly SealedVariable[], whose: string): void {
  const last = new Map(variables.map((variable) => [variable.name, variable]));
  const bytes = [...last.values()].reduce((sum, variable) => sum + bytesOf(variable), 0);
  if (bytes <= MOST_VARIABLE_BYTES) return;
  throw new Problem(
    'invalid',
    `${whose} have ${bytes} bytes together, names and values; expected at most ${MOST_VARIABLE_BYTES}: put large values into the package or into a file of a volume.`,
  );
}
