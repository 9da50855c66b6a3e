import { describeExit } from '../../../domain/rollout.ts';
import type { Observed, Readiness, ReplicaState } from '../../../domain/rollout.ts';
import type { Bounds } from './bound-numbers.ts';
import type { Life } from './life.ts';
import { LOOPBACK } from './ports.ts';
import { toldBounds } from './told-bounds.ts';
import type { Placement, ReplicaRecord } from './replica-record.ts';

/**
 * placed: gets a port and a process; alive: its process lives; ending: asked to end, or its leader has and the rest is
 * swept; backoff: waits for its next start; resting: the supervisor goes and the next one starts it; gone: nothing is left.
 */
export type Phase =
  | { readonly name: 'placed' }
  | { readonly name: 'alive'; readonly life: Life }
  | {
      readonly name: 'ending';
      readonly life: Life;
      readonly deadline: number;
      readonly killer: NodeJS.Timeout;
    }
  | { readonly name: 'backoff'; readonly timer: NodeJS.Timeout }
  | { readonly name: 'resting' }
  | { readonly name: 'gone' };

const next: Readonly<Record<Phase['name'], readonly Phase['name'][]>> = {
  placed: ['alive', 'backoff', 'resting', 'gone'],
  alive: ['ending'],
  ending: ['ending', 'backoff', 'resting', 'gone'],
  backoff: ['placed', 'resting', 'gone'],
  resting: [],
  gone: [],
};

export const mayMove = (from: Phase, to: Phase): boolean => next[from.name].includes(to.name);

export function observed(
  { rollout, ordinal, host }: Placement,
  record: ReplicaRecord,
  phase: Phase,
  readiness: Readiness,
  bounds: Bounds,
): Observed {
  const { port, pid, startedAt, restarts, lastExit, cgroup, fences = [] } = record;
  const enforced = [...(cgroup?.enforced ?? []), ...fences];
  return {
    instance: rollout.instance,
    rollout: rollout.number,
    ordinal,
    host,
    ...(port === undefined ? {} : { address: { host: LOOPBACK, port } }),
    state: stateOf(phase, record),
    ...(pid === undefined ? {} : { pid }),
    ...(pid === undefined || startedAt === undefined ? {} : { startedAt }),
    restarts,
    ...(lastExit ? { lastExit } : {}),
    readiness,
    ...hopelessness(record, readiness),
    enforced,
    bounds: toldBounds(enforced, rollout.limits, bounds),
    runtimeVersion: rollout.workload.launch.runtimeVersion,
  };
}

/** Exits after which a replica that is not ready is not expected to get ready by itself. */
const EXITS_MOST = 3;

function hopelessness(
  { restarts, lastExit }: ReplicaRecord,
  { ready }: Readiness,
): Pick<Observed, 'hopeless'> {
  if (ready || !lastExit) return {};
  if (restarts < EXITS_MOST && lastExit.causeCode !== 'postStartFailed') return {};
  return { hopeless: `it exited with ${describeExit(lastExit)}` };
}

function stateOf(phase: Phase, record: ReplicaRecord): ReplicaState {
  switch (phase.name) {
    case 'placed':
      return 'starting';
    case 'alive':
      return record.ready === 'never' ? 'starting' : 'running';
    case 'ending':
      return 'stopping';
    case 'backoff':
      return 'backoff';
    case 'resting':
    case 'gone':
      return 'exited';
  }
}
