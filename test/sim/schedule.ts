import { Problem } from '../../src/domain/errors.ts';
import { instanceId, type InstanceId, jobId, projectId, taskId } from '../../src/domain/ids.ts';
import type { JobKind } from '../../src/domain/job.ts';
import { createEngine, type Engine } from '../../src/jobs/engine.ts';
import { taskNamesOf } from '../../src/jobs/kind.ts';
import type { EngineLimits } from '../../src/jobs/limits.ts';
import { type JobIds, openJob } from '../../src/jobs/open-job.ts';
import { preempt } from '../../src/store/job-progress.ts';
import type { Store, Tx } from '../../src/store/open.ts';
import type { SimulatedDatabase } from './simulated-store.ts';
import { simulatedKinds, type SimulatedParts } from './simulated-kinds.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedTarget } from './simulated-target.ts';
import { canBeUndone } from './task-names.ts';
import { isEnded, type SeenJob, WatchedStore } from './watched-store.ts';
import { Violation, World } from './world.ts';

/** Everything faster than in production by about ten, in the same proportions. */
const limits: EngineLimits = {
  forwardMs: 6_000,
  undoMs: 3_000,
  parallel: 4,
  heartbeatMs: 200,
  leaseMs: 1_000,
  lostAfterMs: 600,
  scanMs: 300,
  settleMs: 500,
  blockedMs: 2_000,
  stopMs: 1_000,
  attempts: 4,
  patienceMs: 1_000,
  firstRetryMs: 10,
  lastRetryMs: 200,
};

/** Faults and requests come in this time; then it is calm. */
const TROUBLE_MS = 4_000;
/** From then on each job of an instance has its own time, one after the other, after the leases of the dead are over. */
const CALM_PER_JOB_MS =
  limits.leaseMs + limits.forwardMs + limits.undoMs + 2 * limits.settleMs + limits.blockedMs + 2_000;

const MAX_STEP_MS = 10 * 365 * 24 * 3_600_000;

export interface Mutation {
  readonly limits?: Partial<EngineLimits>;
  /** Between the worker and the store. */
  readonly store?: (store: Store) => Store;
}

interface Node {
  readonly name: string;
  process: SimulatedProcess;
  engine: Engine;
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** One schedule: what the seed says, until every accepted job has ended. Throws a Violation that tells its history. */
export async function runSchedule(
  seed: number,
  database: SimulatedDatabase,
  mutation: Mutation = {},
): Promise<World> {
  const world = new World(seed);
  try {
    await new Schedule(world, database, mutation).run();
    return world;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    throw new Violation(`${error.message} (SEED=${seed} replays it)\n${world.history.join('\n')}`);
  }
}

class Schedule {
  readonly #world: World;
  readonly #database: SimulatedDatabase;
  readonly #store: Store;
  readonly #watched: WatchedStore;
  readonly #target: SimulatedTarget;
  readonly #limits: EngineLimits;
  readonly #nodes: Node[] = [];
  readonly #instances: readonly InstanceId[];
  readonly #alive = new Set<string>();
  #runs = 0;
  #ids = 0;
  #trouble = 1;

  constructor(world: World, database: SimulatedDatabase, mutation: Mutation) {
    this.#world = world;
    this.#database = database;
    this.#store = mutation.store?.(database.store) ?? database.store;
    this.#limits = {
      ...limits,
      parallel: world.pick([1, 2, 4]),
      // Often too short for what the tasks have to do.
      forwardMs: world.pick([600, limits.forwardMs]),
      undoMs: world.pick([200, limits.undoMs]),
      ...mutation.limits,
    };
    this.#watched = new WatchedStore(world, database.connection, limits.leaseMs, (owner) =>
      this.#alive.has(owner),
    );
    this.#target = new SimulatedTarget(world, this.#watched);
    this.#instances = Array.from({ length: world.pick([1, 2, 3]) }, (_, n) => instanceId(`instance-${n}`));
    const nodes = world.pick([1, 2, 2, 3]);
    for (let n = 0; n < nodes; n += 1) this.#nodes.push(this.#launch(`node-${n}`));
  }

  async run(): Promise<void> {
    const world = this.#world;
    await this.#database.clear();
    const requests = world.pick([3, 5, 8]);
    for (let n = 0; n < requests; n += 1) world.after(world.between(0, TROUBLE_MS), () => this.#request());
    const faults = world.pick([0, 4, 10]);
    for (let n = 0; n < faults; n += 1) world.after(world.between(0, TROUBLE_MS), () => this.#fault());
    await world.run(TROUBLE_MS, () => false);
    this.#calm();
    const isOver = () => [...this.#watched.jobs.values()].every(isEnded);
    const enough = world.now + CALM_PER_JOB_MS * (1 + this.#watched.jobs.size);
    if (!(await world.run(enough, isOver))) {
      const open = [...this.#watched.jobs.values()].filter((job) => !isEnded(job));
      throw new Violation(`did not end: ${JSON.stringify(open)}`);
    }
    for (const { process } of this.#nodes) process.kill();
    // What was on its way to the store when they were killed is not theirs any more.
    await world.run(world.now, () => true);
    await this.#checkEnds();
  }

  #launch(name: string): Node {
    const run = `run-${(this.#runs += 1)}`;
    const owner = `${name}:${run}`;
    this.#alive.add(owner);
    const process = new SimulatedProcess(this.#world, this.#store, owner, (by) => this.#watched.look(by));
    const engine = createEngine<SimulatedParts>({
      store: process.store,
      clock: process.clock,
      node: name,
      run,
      kinds: simulatedKinds,
      parts: { world: this.#world, process, target: this.#target, trouble: () => this.#trouble },
      log: silent,
      limits: this.#limits,
    });
    this.#world.note(`${owner} starts`);
    engine.start();
    return { name, process, engine };
  }

  #kill(node: Node): void {
    if (node.process.isDead) return;
    this.#world.note(`${node.process.owner} is killed`);
    node.process.kill();
    this.#alive.delete(node.process.owner);
    this.#target.forget(node.process);
  }

  #restart(node: Node): void {
    if (node.process.isDead) Object.assign(node, this.#launch(node.name));
  }

  readonly #faults: readonly ((node: Node) => void)[] = [
    (node) => {
      this.#kill(node);
      this.#world.after(this.#world.between(0, 1_500), () => this.#restart(node));
    },
    (node) => {
      const { process, engine } = node;
      this.#world.note(`${process.owner} is stopped`);
      const exit = () => {
        if (node.process === process) this.#kill(node);
        this.#world.after(this.#world.between(0, 500), () => this.#restart(node));
      };
      void engine.stop().then(() => this.#world.after(0, exit));
    },
    (node) => this.#pause(node.process),
    (node) => this.#cutOff(node.process),
    ({ process }) => {
      process.faultRate = this.#world.between(0, 0.2);
    },
    ({ process }) => {
      const byMs = this.#world.pick([-3_600_000, 3_600_000, MAX_STEP_MS, -1]) * this.#world.random();
      this.#world.note(`the clock of ${process.owner} steps by ${byMs.toFixed(0)} ms`);
      process.stepClock(byMs);
    },
  ];

  #fault(): void {
    const node = this.#world.pick(this.#nodes);
    if (!node.process.isDead) this.#world.pick(this.#faults)(node);
  }

  #pause(process: SimulatedProcess): void {
    const ms = this.#world.between(50, 3 * limits.leaseMs);
    this.#world.note(`${process.owner} stands still for ${ms.toFixed(0)} ms`);
    process.pause();
    this.#world.after(ms, () => process.resume());
  }

  #cutOff(process: SimulatedProcess): void {
    const ms = this.#world.between(50, 3 * limits.leaseMs);
    this.#world.note(`${process.owner} cannot reach the store for ${ms.toFixed(0)} ms`);
    process.isCutOff = true;
    this.#world.after(ms, () => {
      process.isCutOff = false;
    });
  }

  #calm(): void {
    this.#world.note('calm');
    this.#trouble = 0;
    for (const node of this.#nodes) {
      this.#restart(node);
      node.process.resume();
      node.process.isCutOff = false;
      node.process.faultRate = 0;
    }
  }

  readonly #newIds: JobIds = {
    job: () => jobId(`JOB-${(this.#ids += 1)}`),
    task: () => taskId(`Task-${(this.#ids += 1)}`),
  };

  /** What the API does with a request: one transaction, then it wakes its engine, if that still hears it. */
  #request(): void {
    const world = this.#world;
    const instance = world.pick(this.#instances);
    const kind = world.pick<JobKind>([
      'change-instance',
      'change-instance',
      'start-instance',
      'repair-instance',
      'delete-instance',
    ]);
    const heard = world.pick(this.#nodes);
    const isHeard = world.chance(0.8);
    void world.real(async () => {
      try {
        const id = await this.#database.store.write((tx) => this.#accept(tx, instance, kind));
        world.note(`accepted: ${id}, ${kind} of ${instance}`);
      } catch (error) {
        if (!(error instanceof Problem && error.code === 'instanceBusy')) throw error;
      }
      this.#watched.look('api');
      if (isHeard) world.after(0, () => heard.process.deliver(() => heard.engine.wake()));
    });
  }

  async #accept(tx: Tx, instance: InstanceId, kind: JobKind) {
    const tasks = simulatedKinds.find(({ name }) => name === kind)?.tasks ?? [];
    const now = Math.round(1_700_000_000_000 + this.#world.now);
    if (kind === 'delete-instance') {
      await preempt(tx, instance, new Problem('preempted', 'Deleted by somebody.'), { now });
    }
    const project = projectId('project');
    return openJob(tx, {
      kind,
      plan: { instance, project, replicas: 1, previousReplicas: 1 },
      project,
      instance,
      createdBy: 'somebody',
      ids: this.#newIds,
      taskNames: taskNamesOf({ tasks }),
      now,
    });
  }

  /** What became of each job, against what is there of its effects. */
  async #checkEnds(): Promise<void> {
    const facts = await this.#database.store.read.selectFrom('facts').selectAll().execute();
    const endings = new Map(facts.map(({ name, value }) => [name, value]));
    for (const job of this.#watched.jobs.values()) this.#checkEnd(job, endings.get(`ended:${job.id}`));
  }

  #checkEnd(job: SeenJob, ending: string | undefined): void {
    const applied = this.#target.applied.get(job.id) ?? new Set();
    const steps = job.tasks.slice(0, -1);
    if (job.state === 'succeeded') {
      const missing = steps.find(({ name }) => !applied.has(name));
      if (ending !== 'succeeded' || missing)
        throw this.#wrong(job, `succeeded (${ending}) without ${missing?.name}`);
    } else if (ending === 'undone') {
      const left = steps.find(({ name }) => canBeUndone(name) && applied.has(name));
      if (left) throw this.#wrong(job, `says that all is undone, but ${left.name} is not`);
    } else if (ending === 'succeeded') {
      throw this.#wrong(job, 'failed after it had succeeded');
    }
  }

  #wrong(job: SeenJob, what: string): Violation {
    return new Violation(`job ${job.id} ${what}: ${JSON.stringify(job.tasks)}`);
  }
}
