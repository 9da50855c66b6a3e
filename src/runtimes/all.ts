import { nodejs8 } from './nodejs8.ts';
import type { Runtime } from './runtime.ts';

/** The table of runtimes, in the order in which they are listed. */
export const runtimes: readonly Runtime[] = [nodejs8];

export const findRuntime = (name: string): Runtime | undefined =>
  runtimes.find((runtime) => runtime.name === name);
