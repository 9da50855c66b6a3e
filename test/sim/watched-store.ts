import { canMove, taskMoves, type TaskState } from '../../src/domain/job.ts';
import type { SqliteConnection } from '../../src/store/sqlite.ts';
import type { World } from './world.ts';

export interface SeenTask {
  readonly name: string;
  readonly state: TaskState;
}

export interface SeenJob {
  readonly id: string;
  readonly instance: string;
  readonly state: string;
  readonly phase: string;
  readonly owner: string | null;
  readonly epoch: number;
  readonly beat: number;
  readonly createTime: number;
  readonly tasks: readonly SeenTask[];
}

export const isEnded = (job: SeenJob): boolean => job.state !== 'running';

const text = (value: unknown): string => String(value);

/**
 * Looks at the tables after each write and compares: whatever the engine does, no write may break what is stated here.
 */
export class WatchedStore {
  jobs: ReadonlyMap<string, SeenJob> = new Map();
  readonly #world: World;
  readonly #connection: SqliteConnection;
  readonly #isAlive: (owner: string) => boolean;
  readonly #leaseMs: number;
  /** When the worker of a job last showed a sign of life in the store. */
  readonly #signs = new Map<string, number>();

  constructor(
    world: World,
    connection: SqliteConnection,
    leaseMs: number,
    isAlive: (owner: string) => boolean,
  ) {
    this.#world = world;
    this.#connection = connection;
    this.#leaseMs = leaseMs;
    this.#isAlive = isAlive;
  }

  look(by: string): void {
    const before = this.jobs;
    this.jobs = this.#read();
    const holders = new Set<string>();
    for (const job of this.jobs.values()) {
      if (job.owner !== null) {
        this.#claim(!holders.has(job.instance), `two jobs of ${job.instance} are held at once`);
        holders.add(job.instance);
      }
      this.#check(job);
      const former = before.get(job.id);
      if (former) this.#compare(former, job, by);
      if (!former || former.beat !== job.beat) this.#signs.set(job.id, this.#world.now);
    }
  }

  #read(): ReadonlyMap<string, SeenJob> {
    const tasks = Map.groupBy(
      this.#connection.statement('select job_id, name, state from tasks order by job_id, position').all([]),
      (row) => text(Object(row)['job_id']),
    );
    const jobs = this.#connection
      .statement(
        'select id, instance_id, state, phase, lease_owner, lease_epoch, lease_beat, create_time from jobs order by rowid',
      )
      .all([])
      .map((row): SeenJob => {
        const columns: Record<string, unknown> = Object(row);
        const owner = columns['lease_owner'];
        return {
          id: text(columns['id']),
          instance: text(columns['instance_id']),
          state: text(columns['state']),
          phase: text(columns['phase']),
          owner: owner === null ? null : text(owner),
          epoch: Number(columns['lease_epoch']),
          beat: Number(columns['lease_beat']),
          createTime: Number(columns['create_time']),
          tasks: (tasks.get(text(columns['id'])) ?? []).map((task) => ({
            name: text(Object(task)['name']),
            state: toState(text(Object(task)['state'])),
          })),
        };
      });
    return new Map(jobs.map((job) => [job.id, job]));
  }

  #claim(holds: boolean, otherwise: string): void {
    if (!holds) this.#world.violated(otherwise);
  }

  #check(job: SeenJob): void {
    const last = job.tasks.at(-1)?.state;
    this.#claim(last === job.state, `job ${job.id} is ${job.state}, its last task ${last}`);
    const steps = job.tasks.slice(0, -1);
    if (isEnded(job)) {
      const open = steps.find(({ state }) => state === 'waiting' || state === 'running');
      this.#claim(!open, `job ${job.id} ended with its task ${open?.name} ${open?.state}`);
      return;
    }
    if (job.phase !== 'forward') return;
    const firstOpen = steps.findIndex(({ state }) => state !== 'succeeded');
    const early =
      firstOpen < 0 ? undefined : steps.slice(firstOpen + 1).find(({ state }) => state !== 'waiting');
    this.#claim(!early, `task ${early?.name} of job ${job.id} began before the one before it had succeeded`);
  }

  #compare(former: SeenJob, job: SeenJob, by: string): void {
    const isSameWork =
      former.state === job.state &&
      former.phase === job.phase &&
      former.tasks.every(({ state }, position) => state === job.tasks[position]?.state);
    if (isEnded(former)) {
      this.#claim(isSameWork && former.epoch === job.epoch, `job ${job.id} changed after it had ended`);
      return;
    }
    former.tasks.forEach(({ name, state }, position) => {
      const now = job.tasks[position]?.state;
      const isAllowed = now !== undefined && (now === state || canMove(state, now));
      this.#claim(isAllowed, `task ${name} of job ${job.id} went from ${state} to ${now}`);
    });
    this.#claim(job.epoch >= former.epoch, `the lease of job ${job.id} went back`);
    if (job.owner !== null && job.owner !== former.owner) {
      this.#claim(job.owner === by, `${by} gave job ${job.id} to ${job.owner}`);
      this.#claim(job.epoch === former.epoch + 1, `job ${job.id} was taken without a new epoch`);
      if (former.owner !== null) this.#checkTakeOver(former, job);
      return;
    }
    const isRefused = by !== 'api' && former.owner === null && isEnded(job);
    if (isRefused) this.#checkRefusal(job);
    const isOfHolder = by === 'api' || former.owner === by || isRefused;
    this.#claim(
      isSameWork || isOfHolder,
      `${by} wrote to job ${job.id}, which ${former.owner ?? 'nobody'} held`,
    );
  }

  /** A job that never began fails only because of a worker that shows signs of life and does not let go. */
  #checkRefusal({ id, instance }: SeenJob): void {
    const holder = [...this.jobs.values()].find(
      (other) => other.instance === instance && other.owner !== null,
    );
    const silentMs = this.#world.now - (this.#signs.get(holder?.id ?? '') ?? -Infinity);
    const isInTheWay = silentMs < 2 * this.#leaseMs;
    this.#claim(
      isInTheWay,
      `job ${id} failed while ${holder?.owner ?? 'nobody'} was in its way, ${silentMs.toFixed(0)} ms silent`,
    );
  }

  #checkTakeOver(former: SeenJob, job: SeenJob): void {
    const silentMs = this.#world.now - (this.#signs.get(job.id) ?? 0);
    const isOwed = !this.#isAlive(former.owner ?? '') || silentMs >= this.#leaseMs;
    this.#claim(
      isOwed,
      `${job.owner} stole job ${job.id} from ${former.owner} after ${silentMs.toFixed(0)} ms`,
    );
  }
}

function toState(word: string): TaskState {
  const states: readonly string[] = Object.keys(taskMoves);
  const isState = (one: string): one is TaskState => states.includes(one);
  if (!isState(word)) throw new Error(`A task is stored as "${word}".`);
  return word;
}
