import type { Services } from '../actions/caller.ts';
import { followPush, giveUpPush } from '../actions/follow-push.ts';
import { Problem } from '../domain/errors.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { Clock } from '../jobs/clock.ts';
import { listGitPushes, type GitPush } from '../store/git-pushes.ts';
import { isTold, waitAfter, type BackOff } from './back-off.ts';
import { Loop, type ReconcileLog } from './loop.ts';

/** A job that a push waits for ends unannounced. */
const LOOK_EVERY_MS = 2_000;
const BATCH = 200;
const RETRY: BackOff = { firstMs: 2_000, mostMs: 5 * 60_000 };
/** About half an hour of trying; the next push tries anew. */
const TRIES_MOST = 10;

interface Tried {
  /** Of the push: a later one has failed at nothing yet. */
  readonly number: number;
  readonly failures: number;
  readonly dueAt: number;
}

export interface PushFollowerSettings {
  readonly services: Services;
  readonly clock: Clock;
  readonly log: ReconcileLog;
}

/**
 * Opens the changes that pushes ask for, one per instance at a time; what is pushed meanwhile is one later change. A
 * push that cannot be followed keeps no other waiting: it is tried later each time, and in the end its hook tells why.
 */
export class PushFollower {
  readonly #settings: PushFollowerSettings;
  readonly #loop: Loop;
  #tried: ReadonlyMap<InstanceId, Tried> = new Map();

  constructor(settings: PushFollowerSettings) {
    this.#settings = settings;
    const { clock, log } = settings;
    this.#loop = new Loop({
      name: 'following pushes',
      everyMs: LOOK_EVERY_MS,
      clock,
      log,
      run: (stop) => this.look(stop),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** A push has come; any number of calls make one look. */
  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async look(stop?: AbortSignal): Promise<void> {
    const { read } = this.#settings.services.store;
    const tried = new Map<InstanceId, Tried>();
    for (let page = await listGitPushes(read, BATCH); page.length > 0 && !stop?.aborted;) {
      for (const push of page) {
        const outcome = await this.#follow(push);
        if (outcome) tried.set(push.instance, outcome);
      }
      page = page.length < BATCH ? [] : await listGitPushes(read, BATCH, page.at(-1));
    }
    this.#tried = tried;
  }

  /** What is to be remembered of a push that stays. */
  async #follow(push: GitPush): Promise<Tried | undefined> {
    const { services, clock, log } = this.#settings;
    const { instance, hook, sha, branch, number } = push;
    const known = this.#tried.get(instance);
    const before = known?.number === number ? known : undefined;
    if (before && clock.monotonic() < before.dueAt) return before;
    try {
      const job = await followPush(services, push);
      if (job !== undefined) log.info({ instance, job, hook, branch, sha }, 'an instance follows a push');
      return undefined;
    } catch (error) {
      const isPassing = error instanceof Problem && error.code === 'unavailable';
      if (error instanceof Problem && !isPassing) {
        log.warn({ instance, hook, branch, problem: error.message }, 'an instance cannot follow a push');
        return undefined;
      }
      const failures = (before?.failures ?? 0) + 1;
      const isGivenUp = !isPassing && failures >= TRIES_MOST;
      if (isTold(failures) || isGivenUp)
        log.warn(
          { error, instance, hook, branch, failures },
          isGivenUp ? 'gave up following a push' : 'following a push failed; will retry',
        );
      if (isGivenUp && (await this.#giveUp(push, error))) return undefined;
      return { number, failures, dueAt: clock.monotonic() + waitAfter(failures, RETRY, Math.random) };
    }
  }

  async #giveUp(push: GitPush, cause: unknown): Promise<boolean> {
    try {
      await giveUpPush(this.#settings.services, push, cause);
      return true;
    } catch (error) {
      this.#settings.log.warn({ error, hook: push.hook }, 'could not record a push as given up; will retry');
      return false;
    }
  }
}
