import type { Activity } from './instance.ts';
import type { HostId, InstanceId, JobId, ProjectId, ReleaseId } from './ids.ts';

/** A job runs from acceptance until it succeeded, or until what it did is undone and it failed. */
export type JobState = 'running' | 'succeeded' | 'failed';

/** Forward: the tasks in order. Undo: backwards over what had begun. */
export type JobPhase = 'forward' | 'undo';

/**
 * waiting -> running -> succeeded | failed; failed or succeeded -> undone (its undo ran); waiting -> skipped (never reached).
 */
export const taskMoves = {
  waiting: ['running', 'skipped'],
  running: ['running', 'succeeded', 'failed', 'undone', 'skipped'],
  succeeded: ['undone'],
  failed: ['undone'],
  undone: [],
  skipped: [],
} as const satisfies Record<string, readonly string[]>;
export type TaskState = keyof typeof taskMoves;

export function canMove(from: TaskState, to: TaskState): boolean {
  const targets: readonly string[] = taskMoves[from];
  return targets.includes(to);
}

/** The jobs that a user asks for, and the platform's own. Stored: never renamed. */
export const jobKinds = {
  'create-instance': { activity: 'creating', internal: false },
  'change-instance': { activity: 'changing', internal: false },
  'describe-instance': { activity: 'changing', internal: false },
  'roll-back-instance': { activity: 'rollingBack', internal: false },
  'start-instance': { activity: 'starting', internal: false },
  'stop-instance': { activity: 'stopping', internal: false },
  'restart-instance': { activity: 'restarting', internal: false },
  'scale-instance': { activity: 'scaling', internal: false },
  'delete-instance': { activity: 'deleting', internal: false },
  'no-effect': { activity: 'changing', internal: false },
  'repair-instance': { activity: undefined, internal: true },
  'clean-up-instance': { activity: undefined, internal: true },
} as const satisfies Record<string, { activity: Activity | undefined; internal: boolean }>;
export type JobKind = keyof typeof jobKinds;

/**
 * Done by the request itself, in its transaction: a job only because the contract answers with one.
 * It has no instance, and no worker ever sees it. Stored: never renamed.
 */
export type SettledKind = 'move-application';

/** The stored input of a job. Tasks read everything else from the store, by these ids. */
export interface Plan {
  readonly instance: InstanceId;
  readonly project: ProjectId;
  /** What is to be put into service; absent where nothing new is. */
  readonly next?: { readonly rollout: number; readonly release: ReleaseId };
  /** The rollout that served when the job was accepted. */
  readonly previousRollout?: number;
  /** Replicas wanted when the job has succeeded, and when it was accepted. */
  readonly replicas: number;
  readonly previousReplicas: number;
  /** Hosts to be picked from now on; absent: as they are. */
  readonly hosts?: readonly HostId[];
  /** The description to store when the job succeeds; absent: it stays. */
  readonly description?: string;
  /** The push that it follows. */
  readonly push?: { readonly hook: string; readonly branch: string };
  /** Give up on an unreachable target, for a forced deletion. */
  readonly force?: boolean;
}

export interface Job {
  readonly id: JobId;
  readonly project: ProjectId;
  /** Empty where the kind is a settled one. */
  readonly instance: InstanceId;
  readonly kind: JobKind | SettledKind;
  readonly plan: Plan;
  readonly state: JobState;
  readonly phase: JobPhase;
  readonly createdBy: string;
  readonly createTime: number;
}
