import type { Migration } from './migration.ts';
import { firstTables } from './0001-first-tables.ts';
import { access } from './0002-access.ts';
import { git } from './0003-git.ts';
import { builds } from './0004-builds.ts';
import { configuration } from './0005-configuration.ts';
import { lists } from './0006-lists.ts';
import { temporaryTokens } from './0007-temporary-tokens.ts';
import { observation } from './0008-observation.ts';
import { rolloutContent } from './0009-rollout-content.ts';
import { timerIndexes } from './0010-timer-indexes.ts';
import { reservations } from './0011-reservations.ts';
import { reservedReplicas } from './0012-reserved-replicas.ts';

/** In order; there is no way back, but a backup from before the upgrade. */
export const migrations: readonly Migration[] = [
  firstTables,
  access,
  git,
  builds,
  configuration,
  lists,
  temporaryTokens,
  observation,
  rolloutContent,
  timerIndexes,
  reservations,
  reservedReplicas,
];
