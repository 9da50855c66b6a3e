import type { Problem } from '../domain/errors.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { DriverName } from '../domain/resource.ts';
import type { Observed, ReplicaId, Rollout } from '../domain/rollout.ts';

/**
 * What runs instances. Names give identity, the engine gives truth. Every call may come twice.
 * "Cannot reach" is a thrown Problem of code `targetUnavailable`, never an empty list.
 */
export interface Driver {
  readonly name: DriverName;
  /** What is missing for so many replicas, before anything changes; empty when all is well. */
  check(rollout: Rollout, count: number): Promise<readonly Problem[]>;
  /** What is missing for a release's volumes, which can be told before it is built. */
  checkVolumes(wanted: Pick<Rollout, 'volumes' | 'placement'>): Promise<readonly Problem[]>;
  /** Only adds: replicas 0 .. count-1 exist and are being kept alive when it returns. What is there is left alone. */
  ensure(rollout: Rollout, count: number, stop: AbortSignal): Promise<void>;
  /** Only removes: ends the replicas of this rollout from ordinal `keep` on, by SIGTERM, then SIGKILL after the grace, and waits until they are gone with all they left. */
  retire(instance: InstanceId, rollout: number, keep: number, graceMs: number): Promise<void>;
  /** Absent: all that bear our mark. */
  observe(instance?: InstanceId): Promise<readonly Observed[]>;
  /** The last lines, oldest first, then, with `follow`, new ones until it aborts. */
  logs(replica: ReplicaId, tail: number, follow?: AbortSignal): AsyncIterable<LogLine>;
  /** Hints to observe an instance again; may be lost. */
  watch(stop: AbortSignal): AsyncIterable<InstanceId>;
}

export interface LogLine {
  readonly text: string;
}
