import { Problem } from '../../src/domain/errors.ts';
import type { Job, JobKind } from '../../src/domain/job.ts';
import { type Kind, stopReason, type Task, type TaskContext } from '../../src/jobs/kind.ts';
import type { Tx } from '../../src/store/open.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Effect, SimulatedTarget } from './simulated-target.ts';
import { canBeUndone, isPointOfNoReturn } from './task-names.ts';
import type { World } from './world.ts';

export interface SimulatedParts {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly target: SimulatedTarget;
  /** How often things go wrong just now; 0 in the calm at the end. */
  readonly trouble: () => number;
}

type Context = TaskContext<SimulatedParts>;

/** Longest that a task takes to heed its stop signal; less than what a lease leaves after it is doubted. */
const HEED_MS = 150;

const endingOf = (job: Job) => `ended:${job.id}`;

export const simulatedKinds: readonly Kind<SimulatedParts>[] = [
  kind('change-instance', ['check', 'build+', 'provision+', 'switch+!', 'retire+']),
  kind('start-instance', ['provision+', 'switch!']),
  kind('delete-instance', ['retire', 'remove']),
  kind('repair-instance', ['provision+', 'retire']),
];

function kind(name: JobKind, tasks: readonly string[]): Kind<SimulatedParts> {
  return {
    name,
    tasks: tasks.map(task),
    succeeded: (tx, job) => record(tx, job, 'succeeded'),
    failed: (tx, job, _problem, isUndone) => record(tx, job, isUndone ? 'undone' : 'left'),
  };
}

/** A job that ends twice breaks the primary key. */
async function record(tx: Tx, job: Job, value: string): Promise<void> {
  await tx
    .insertInto('facts')
    .values({ name: endingOf(job), value })
    .execute();
}

function task(name: string): Task<SimulatedParts> {
  return {
    name,
    run: (context) => act(context, name, 'run'),
    ...(canBeUndone(name) && { undo: (context) => act(context, name, 'undo') }),
    ...(isPointOfNoReturn(name) && { pointOfNoReturn: true }),
  };
}

async function act(context: Context, name: string, way: Effect['way']): Promise<void> {
  const { world, process, target } = context.parts;
  const trouble = context.parts.trouble();
  const effect: Effect = { process, job: context.job, task: name, way };
  target.begin(effect);
  try {
    await work(
      context,
      world.chance(0.2 * trouble) ? world.between(500, 3_000) : world.between(0, 100),
      trouble,
    );
    if (world.chance(0.3)) await writeFenced(context, name);
    // A failure may come before the effect or after it.
    if (world.chance(0.12 * trouble)) throw failure(context, name, way);
    target.apply(effect);
    if (world.chance(0.1)) target.apply(effect);
    if (world.chance(0.06 * trouble)) throw failure(context, name, way);
  } finally {
    target.end(effect);
  }
}

async function work({ parts, stop }: Context, ms: number, trouble: number): Promise<void> {
  const { world, process } = parts;
  await process.wait(ms, stop);
  if (!stop.aborted) return;
  const isDeaf = world.chance(0.3 * trouble);
  let leftMs = isDeaf ? (world.chance(0.3) ? Infinity : world.between(0, 4_000)) : world.between(0, HEED_MS);
  // No engine can answer for a task that ignores its signal where the store cannot be told either.
  while (leftMs > HEED_MS && !process.isCutOff && stopReason(stop) !== 'lost') {
    await process.wait(50);
    leftMs -= 50;
  }
  await process.wait(Math.min(leftMs, HEED_MS));
  if (world.chance(0.8)) throw stop.reason;
}

async function writeFenced({ parts, job, write, attempt }: Context, name: string): Promise<void> {
  const { world, process } = parts;
  const fact = `mark:${name}:${attempt}:${world.random()}`;
  await write(async (tx) => {
    const row = await tx.selectFrom('jobs').select('lease_owner').where('id', '=', job.id).executeTakeFirst();
    if (row?.lease_owner !== process.owner) {
      world.violated(`${process.owner} writes for ${job.id}, which ${row?.lease_owner ?? 'nobody'} holds`);
    }
    await tx
      .insertInto('facts')
      .values({ name: fact, value: process.owner })
      .onConflict((met) => met.doNothing())
      .execute();
  });
}

function failure({ parts, job }: Context, name: string, way: Effect['way']): Error {
  const { world, target } = parts;
  const kindOfFailure = world.random();
  if (kindOfFailure < 0.5) return new Error('The driver did not answer.');
  if (kindOfFailure < 0.65) return new Problem('unavailable', 'The store is away.');
  if (kindOfFailure < 0.75)
    return new Problem('targetUnavailable', 'The driver cannot be reached.', {}, { isPassing: true });
  if (way === 'undo') target.notUndone.add(`${job.id}/${name}`);
  return new Problem('neverHealthy', 'It never answered.');
}
