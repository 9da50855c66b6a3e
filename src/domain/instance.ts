/** Intent, activity and observation are three things; the contract's status word is derived from them. */
export type Wanted = 'running' | 'stopped' | 'deleted';

export const activities = [
  'creating',
  'changing',
  'rollingBack',
  'starting',
  'stopping',
  'restarting',
  'scaling',
  'deleting',
] as const;
export type Activity = (typeof activities)[number];

export type Move = 'change' | 'rollback' | 'start' | 'stop' | 'restart' | 'scale' | 'delete';

/** Which requests are accepted while no job is open. */
const accepted = {
  running: ['change', 'rollback', 'start', 'stop', 'restart', 'scale', 'delete'],
  stopped: ['change', 'rollback', 'start', 'stop', 'scale', 'delete'],
  deleted: ['delete'],
} as const satisfies Record<Wanted, readonly Move[]>;

/** Why a move is not possible now, as a sentence for the caller; undefined where it is. */
export function refusal(move: Move, wanted: Wanted, replicas: number): string | undefined {
  const moves: readonly Move[] = accepted[wanted];
  if (!moves.includes(move)) {
    return wanted === 'deleted'
      ? 'The instance is marked for deletion, which failed; only DELETE is accepted now: repeat it.'
      : 'The instance is stopped and cannot be restarted; send the action "start" instead.';
  }
  if (replicas === 0 && (move === 'start' || move === 'restart')) {
    return `The instance has 0 replicas, so there is nothing to ${move}; scale it above 0 first.`;
  }
  return undefined;
}

/** What was last observed of the serving rollout, in numbers. */
export interface Health {
  /** Replicas that run and are ready. */
  readonly healthy: number;
  /** The target answered when it was asked last. */
  readonly observable: boolean;
  /** A sentence on what is wrong; absent when nothing is. */
  readonly detail?: string;
}

export interface StatusInput {
  readonly wanted: Wanted;
  readonly activity: Activity | undefined;
  readonly replicas: number;
  /** A release of this instance has served at least once. */
  readonly everServed: boolean;
  readonly health: Health;
}

export type Status =
  | 'INITIALIZING'
  | 'UPGRADING'
  | 'STARTING'
  | 'STOPPING'
  | 'STOPPED'
  | 'RESTARTING'
  | 'DELETING'
  | 'RUNNING'
  | 'PARTIALLY_FAILED'
  | 'DOWN'
  | 'FAILED'
  | 'UNKNOWN';

const whileActive = {
  creating: 'INITIALIZING',
  changing: 'UPGRADING',
  rollingBack: 'UPGRADING',
  scaling: 'UPGRADING',
  starting: 'STARTING',
  stopping: 'STOPPING',
  restarting: 'RESTARTING',
  deleting: 'DELETING',
} as const satisfies Record<Activity, Status>;

export function status({ wanted, activity, replicas, everServed, health }: StatusInput): Status {
  if (activity) return whileActive[activity];
  if (wanted === 'deleted') return 'FAILED';
  if (wanted === 'stopped') return 'STOPPED';
  if (!everServed) return 'FAILED';
  if (replicas === 0) return 'STOPPED';
  if (!health.observable) return 'UNKNOWN';
  if (health.healthy >= replicas) return 'RUNNING';
  return health.healthy > 0 ? 'PARTIALLY_FAILED' : 'DOWN';
}
