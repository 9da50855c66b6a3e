import type { Kind } from '../jobs/kind.ts';
import type { Parts } from '../tasks/parts.ts';
import { changeInstanceKind, describeInstanceKind } from './change-instance.ts';
import { createInstanceKind } from './create-instance.ts';
import { deleteInstanceKind } from './delete-instance.ts';
import { cleanUpInstanceKind, repairInstanceKind } from './repair-instance.ts';
import { restartInstanceKind } from './restart-instance.ts';
import { rollBackInstanceKind } from './roll-back-instance.ts';
import { scaleInstanceKind } from './scale-instance.ts';
import { noEffect } from './settle.ts';
import { startInstanceKind } from './start-instance.ts';
import { stopInstanceKind } from './stop-instance.ts';

/** Every kind of job there is; the engine runs no other. */
export const kinds: readonly Kind<Parts>[] = [
  createInstanceKind,
  changeInstanceKind,
  describeInstanceKind,
  rollBackInstanceKind,
  startInstanceKind,
  stopInstanceKind,
  restartInstanceKind,
  scaleInstanceKind,
  deleteInstanceKind,
  noEffect,
  repairInstanceKind,
  cleanUpInstanceKind,
];
