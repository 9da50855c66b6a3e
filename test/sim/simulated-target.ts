import type { Job } from '../../src/domain/job.ts';
import { isEnded, type WatchedStore } from './watched-store.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { canBeUndone, isPointOfNoReturn } from './task-names.ts';
import type { World } from './world.ts';

export interface Effect {
  readonly process: SimulatedProcess;
  readonly job: Job;
  readonly task: string;
  readonly way: 'run' | 'undo';
}

/**
 * What tasks work on. It knows which effects are under way and which have been applied, and that no two workers may
 * be at one instance. What a process does that stood still longer than its lease is not held against the engine:
 * nothing can stop such a process before it wakes; its writes are watched by WatchedStore all the same.
 */
export class SimulatedTarget {
  /** By job: tasks whose effect is there, perhaps in part. */
  readonly applied = new Map<string, Set<string>>();
  /** "job/task" whose undoing failed for good. */
  readonly notUndone = new Set<string>();
  readonly #world: World;
  readonly #store: WatchedStore;
  readonly #underWay = new Set<Effect>();

  constructor(world: World, store: WatchedStore) {
    this.#world = world;
    this.#store = store;
  }

  begin(effect: Effect): void {
    this.#world.note(`${effect.process.owner} ${effect.way} ${effect.task} of ${effect.job.id}`);
    if (!effect.process.wasPaused) this.#checkTurn(effect);
    this.#underWay.add(effect);
  }

  end(effect: Effect): void {
    this.#underWay.delete(effect);
  }

  /** Once or several times: it is the same. Refused to a process that does not hold the job. */
  apply({ process, job, task, way }: Effect): void {
    if (this.#store.jobs.get(job.id)?.owner !== process.owner) return;
    const tasks = this.applied.get(job.id) ?? new Set();
    this.applied.set(job.id, tasks);
    if (way === 'run') tasks.add(task);
    else tasks.delete(task);
  }

  /** What a killed process was at has ended with it. */
  forget(process: SimulatedProcess): void {
    for (const effect of this.#underWay) if (effect.process === process) this.#underWay.delete(effect);
  }

  #checkTurn({ process, job, task, way }: Effect): void {
    const name = `${process.owner} begins to ${way} ${task} of ${job.id}`;
    for (const other of this.#underWay) {
      if (other.job.instance !== job.instance || other.process.wasPaused) continue;
      this.#world.violated(`${name} while ${other.process.owner} is at ${other.task} of ${other.job.id}`);
    }
    const seen = this.#store.jobs.get(job.id);
    if (seen?.owner !== process.owner)
      this.#world.violated(`${name}, which ${seen?.owner ?? 'nobody'} holds`);
    // Pre-empted a moment ago: its worker is about to find out.
    if (!seen || isEnded(seen)) return;
    const position = seen.tasks.findIndex((one) => one.name === task);
    if (way === 'run') {
      const isInOrder = seen.tasks.slice(0, position).every(({ state }) => state === 'succeeded');
      if (!isInOrder || seen.tasks[position]?.state !== 'running' || seen.phase !== 'forward') {
        this.#world.violated(`${name} out of order`);
      }
      return;
    }
    const isInOrder = seen.tasks
      .slice(position + 1, -1)
      .every(
        (later) =>
          later.state === 'undone' ||
          later.state === 'skipped' ||
          !canBeUndone(later.name) ||
          this.notUndone.has(`${job.id}/${later.name}`),
      );
    const isPastReturn = seen.tasks.some((one) => isPointOfNoReturn(one.name) && hasBegun(one.state));
    if (isPastReturn) this.#world.violated(`${name} past the point of no return`);
    if (!isInOrder || seen.phase !== 'undo') this.#world.violated(`${name} out of order`);
  }
}

const hasBegun = (state: string): boolean =>
  state === 'running' || state === 'succeeded' || state === 'failed';
