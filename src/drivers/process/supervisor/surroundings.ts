import type { FenceSeen, Unfenced } from '../../../domain/fences.ts';
import type { InstanceId } from '../../../domain/ids.ts';
import type { Reach } from '../../../kernel/reach.ts';
import type { Bounds } from './bound-numbers.ts';
import type { Cgroups } from './cgroup-place.ts';
import type { Journal } from './journal.ts';
import type { MarkReader } from './owned.ts';
import type { Ports } from './ports.ts';
import type { Trash } from './trash.ts';

/** The instants at which a test kills the supervisor. */
export type CrashPoint = 'before-spawn' | 'after-spawn' | 'during-retire' | 'before-remove';

/** What all replicas of one supervisor share. */
export interface Surroundings {
  readonly boot: string;
  /** Names the data directory in marks and cgroups. */
  readonly home: string;
  readonly replicasDir: string;
  readonly keyFile: string;
  readonly ports: Ports;
  /** The way to an application, and to nobody who took its port. */
  readonly reach: Reach;
  readonly cgroups: Cgroups;
  /** What an application may take of the rest. */
  readonly bounds: Bounds;
  readonly markReader: MarkReader;
  /** What this machine has of each fence. */
  readonly fences: readonly FenceSeen[];
  /** A test's: what is left out. */
  readonly unfenced: Unfenced;
  /** What does not live stays so, until the next supervisor. */
  readonly startsNothing: boolean;
  readonly journal: Journal;
  readonly trash: Trash;
  readonly crashPoint: (point: CrashPoint) => void;
  /** Something of this instance looks different now. */
  readonly changed: (instance: InstanceId) => void;
  /** Work that nobody waits for: what it throws is told, never lost. */
  readonly watchOver: (work: Promise<void>) => void;
}
