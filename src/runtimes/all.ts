import { custom } from './custom.ts';
import { java8 } from './java8.ts';
import { nodejs8 } from './nodejs8.ts';
import { php7 } from './php7.ts';
import { python3 } from './python3.ts';
import type { Runtime } from './runtime.ts';
import { tomcat8 } from './tomcat8.ts';

/** The table of runtimes, in the order in which they are listed. */
export const runtimes: readonly Runtime[] = [tomcat8, java8, nodejs8, php7, python3, custom];

export const findRuntime = (name: string): Runtime | undefined =>
  runtimes.find((runtime) => runtime.name === name);
