import type { SealedVariable } from './envelope.ts';
import type { HostId, InstanceId } from './ids.ts';
import type { Hook } from './lifecycle.ts';
import type { Placement } from './placement.ts';
import type { Probe } from './release.ts';
import type { ReplicaBounds } from './replica-bounds.ts';
import type { Volume } from './volume.ts';
import type { Workload } from './workload.ts';

/** What one replica may use. */
export interface Limits {
  /** Thousandths of a core. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** One putting-into-service of a release, complete for a driver: it reads no database. */
export interface Rollout {
  readonly instance: InstanceId;
  /** Rises per instance, never reused. */
  readonly number: number;
  readonly placement: Placement;
  readonly workload: Workload;
  /** Absolute directory of the build on the host. */
  readonly releaseDir: string;
  readonly env: readonly SealedVariable[];
  readonly limits: Limits;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
  /** Done once the process lives, before its readiness is looked at; where it fails, so does the start. */
  readonly postStart?: Hook;
  /** Done before SIGTERM, within the grace. */
  readonly preStop?: Hook;
  readonly volumes?: readonly Volume[];
  /** Between SIGTERM and SIGKILL where the host ends a process by itself; whoever retires replicas says what they get. No content: it may differ. */
  readonly graceMs: number;
}

/**
 * What of a rollout is worked out once, when it begins, and kept: a setting or a later version that would work it out
 * otherwise changes nothing that runs. The rest names it, or belongs to the host.
 */
export type RolloutContent = Omit<Rollout, 'instance' | 'number' | 'placement' | 'releaseDir'>;

/** Names one running copy. */
export interface ReplicaId {
  readonly instance: InstanceId;
  readonly rollout: number;
  readonly ordinal: number;
}

export const replicaName = (id: ReplicaId): string => `${id.instance}/${id.rollout}/${id.ordinal}`;

/** starting: placed, not ready yet; running: its process lives; backoff: it exited and waits for its next start; stopping: asked to end; exited: ended for good. */
export type ReplicaState = 'starting' | 'running' | 'backoff' | 'stopping' | 'exited';

/** Why a process was ended where nobody asked for it. */
export const exitCauses = [
  'livenessFailed',
  'postStartFailed',
  'supervisorRestarted',
  'tookTooMuch',
] as const;
export type ExitCause = (typeof exitCauses)[number];

export interface Exit {
  readonly code?: number;
  readonly signal?: string;
  readonly outOfMemory?: boolean;
  /** Nobody saw how it ended. */
  readonly unknown?: boolean;
  /** Why it was ended, where nobody asked for it: "its liveness probe failed (HTTP 500 from GET /live)". */
  readonly cause?: string;
  /** The same for decisions; absent also where the version before wrote it. */
  readonly causeCode?: ExitCause;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What a look found. */
export const readinessCodes = [
  'ready',
  'notLookedAt',
  'hookRunning', // its post-start hook; readiness is looked at when that is done
  'notListening',
  'listensElsewhere', // on another port or address: it may still come to its own
  'portTaken', // by another program
  'probeFailed',
  'notStarted',
  'ending',
  'ended',
] as const;
export type ReadinessCode = (typeof readinessCodes)[number];

export interface Readiness {
  readonly ready: boolean;
  readonly code: ReadinessCode;
  /** What the probe saw last, in a sentence: "HTTP 503 from GET /ready", "listens on 8080, not on PORT (20017)". */
  readonly saw: string;
}

/** What a driver saw of one replica. Never what was asked for. */
export interface Observed extends ReplicaId {
  readonly host: HostId;
  /** Where the ingress reaches it; absent before a port is chosen. */
  readonly address?: { readonly host: string; readonly port: number };
  readonly state: ReplicaState;
  readonly pid?: number;
  readonly startedAt?: number;
  /** How often it was started again after an exit. */
  readonly restarts: number;
  readonly lastExit?: Exit;
  readonly readiness: Readiness;
  /** Why it will not get ready by itself, in a sentence; a driver says so only where it is certain. */
  readonly hopeless?: string;
  /** Which fences and limits hold it: "cpu", "memory", "users". */
  readonly enforced: readonly string[];
  /** The numbers of what of these can be counted. */
  readonly bounds?: ReplicaBounds;
  readonly runtimeVersion: string;
}

/** It took more of what all share than it may. */
export const isOverrun = (exit: Exit | undefined): boolean => exit?.causeCode === 'tookTooMuch';
/** Who lived so long since it took too much is past it. */
export const OVERRUN_PAST_MS = 10 * 60_000;
/** It was ended for that more than once, and lives no longer than from one end to the next. */
export function isOverrunAgain(
  { lastExit, restarts, startedAt }: Pick<Observed, 'lastExit' | 'restarts' | 'startedAt'>,
  now: number,
): boolean {
  return (
    isOverrun(lastExit) && restarts > 1 && (startedAt === undefined || now - startedAt < OVERRUN_PAST_MS)
  );
}

export function describeExit(exit: Exit): string {
  return exit.cause === undefined ? howItEnded(exit) : `${howItEnded(exit)}, since ${exit.cause}`;
}

function howItEnded(exit: Exit): string {
  // Whoever took over a process that it did not start sees that it ended, and not how.
  if (exit.unknown)
    return exit.cause === undefined ? 'an unknown code (nobody saw it end)' : 'an unknown code';
  if (exit.outOfMemory) return `signal ${exit.signal ?? 'SIGKILL'} (out of memory)`;
  if (exit.signal !== undefined) return `signal ${exit.signal}`;
  return `code ${exit.code ?? 0}`;
}
