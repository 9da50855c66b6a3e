import type { Fence } from '../../../domain/fences.ts';
import { fences } from '../../../domain/fences.ts';
import type { HostId } from '../../../domain/ids.ts';
import type { Exit, Rollout } from '../../../domain/rollout.ts';
import type { CgroupPlace } from './cgroup-place.ts';
import type { HolderRecord } from './holder-record.ts';
import { isHolderRecord } from './holder-record.ts';
import { isCgroupPlace } from './cgroup-place.ts';
import { isExit, isRollout } from './rollout-shape.ts';
import { boolean, list, natural, number, object, oneOf, text } from './shape.ts';
import type { Is } from './shape.ts';

/** What was asked for: written once, before anything is started. */
export interface Placement {
  readonly rollout: Rollout;
  readonly ordinal: number;
  readonly host: HostId;
}
export const isPlacement = object<Placement>({ rollout: isRollout, ordinal: natural, host: text }, {});

/** What became of it: written before and after each step that a crash could part. */
export interface ReplicaRecord {
  readonly wanted: 'kept' | 'removed';
  /** How long a removal may take until SIGKILL. */
  readonly graceMs?: number | undefined;
  readonly boot: string;
  readonly port?: number | undefined;
  /** The application once answered on that port, so a restart should find it there again. */
  readonly isPortProven: boolean;
  /** Of the present process; absent where there is none to do, or it was not begun. */
  readonly postStart?: 'begun' | 'done' | undefined;
  /** Of the present process. */
  readonly ready: 'never' | 'once' | 'now';
  readonly pid?: number | undefined;
  readonly start?: string | undefined;
  readonly startedAt?: number | undefined;
  readonly restarts: number;
  readonly backoffMs?: number | undefined;
  readonly lastExit?: Exit | undefined;
  readonly cgroup?: CgroupPlace | undefined;
  /** Of the present process; absent where it has no namespaces of its own. */
  readonly holder?: HolderRecord | undefined;
  /** What fences the present process in beside its cgroup. */
  readonly fences?: readonly Fence[] | undefined;
  /** The cgroup's count of processes killed for memory when this process was started. */
  readonly oomKills: number;
}
export const isReplicaRecord: Is<ReplicaRecord> = object<ReplicaRecord>(
  {
    wanted: oneOf('kept', 'removed'),
    boot: text,
    isPortProven: boolean,
    ready: oneOf('never', 'once', 'now'),
    restarts: natural,
    oomKills: natural,
  },
  {
    graceMs: number,
    port: natural,
    postStart: oneOf('begun', 'done'),
    pid: natural,
    start: text,
    startedAt: number,
    backoffMs: number,
    lastExit: isExit,
    cgroup: isCgroupPlace,
    holder: isHolderRecord,
    fences: list(oneOf(...fences)),
  },
);

export const NO_PROCESS = {
  ready: 'never',
  postStart: undefined,
  pid: undefined,
  start: undefined,
  startedAt: undefined,
  holder: undefined,
} as const;

export const NEW_RECORD: ReplicaRecord = {
  ...NO_PROCESS,
  wanted: 'kept',
  boot: '',
  isPortProven: false,
  restarts: 0,
  oomKills: 0,
};
