import type { InstanceId } from '../domain/ids.ts';
import type { Store } from '../store/open.ts';
import type { Clock } from './clock.ts';
import type { CrashPoint } from './crash-points.ts';
import { FINISH, type Kind, MAX_TASKS, taskNamesOf } from './kind.ts';
import { defaultLimits, type EngineLimits } from './limits.ts';
import type { EngineLog } from './log.ts';
import { Worker } from './worker.ts';

export interface EngineSettings<Parts> {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly clock: Clock;
  /** Names this data directory for good; without a colon. */
  readonly node: string;
  /** Names this process; never used again. */
  readonly run: string;
  readonly kinds: readonly Kind<Parts>[];
  readonly parts: Parts;
  readonly log: EngineLog;
  /** What is given replaces the default. */
  readonly limits?: Partial<EngineLimits>;
  readonly crashPoint?: CrashPoint;
  /** A job of the instance ended, or is left to another worker. */
  readonly ended?: (instance: InstanceId) => void;
}

export interface Engine {
  start(): void;
  /** To be called after the commit that opened or pre-empted a job. Cheap, and never wrong. */
  wake(): void;
  /** Tasks are told to stop; their jobs go on with the next run. */
  stop(): Promise<void>;
}

export function createEngine<Parts>(settings: EngineSettings<Parts>): Engine {
  const { node, run, kinds, limits, crashPoint = () => {}, ended = () => {}, ...seams } = settings;
  if (node.includes(':')) throw new Error(`The node is called "${node}"; expected a name without a colon.`);
  kinds.forEach(checkKind);
  return new Worker<Parts>({
    ...seams,
    node,
    run,
    owner: `${node}:${run}`,
    kinds: new Map(kinds.map((kind) => [kind.name, kind])),
    limits: { ...defaultLimits, ...limits },
    crashPoint,
    ended,
  });
}

function checkKind(kind: Kind<never>): void {
  const names = [...taskNamesOf(kind), FINISH];
  if (new Set(names).size !== names.length || names.length > MAX_TASKS) {
    throw new Error(
      `The kind ${kind.name} has the tasks ${names.join(', ')}; expected different names, at most ${MAX_TASKS}, and "${FINISH}" only where the engine adds it.`,
    );
  }
}
