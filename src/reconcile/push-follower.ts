import type { Services } from '../actions/caller.ts';
import { followPush } from '../actions/follow-push.ts';
import { Problem } from '../domain/errors.ts';
import { listGitPushes, type GitPush } from '../store/git-pushes.ts';
import type { WatchLog } from './watcher.ts';

/** A job that a push waits for ends unannounced. */
const LOOK_EVERY_MS = 2_000;
const BATCH = 200;

/** Opens the changes that pushes ask for, one per instance at a time; what is pushed meanwhile is one later change. */
export class PushFollower {
  readonly #services: Services;
  readonly #log: WatchLog;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();
  #isAskedFor = false;

  constructor({ services, log }: { readonly services: Services; readonly log: WatchLog }) {
    this.#services = services;
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), LOOK_EVERY_MS);
    this.wake();
  }

  /** A push has come; any number of calls make one look. */
  wake(): void {
    if (this.#isAskedFor || this.#isStopped) return;
    this.#isAskedFor = true;
    this.#looking = this.#looking.then(async () => {
      this.#isAskedFor = false;
      try {
        await this.look();
      } catch (error) {
        this.#log.warn({ error }, 'a look at pushes did not work; it is repeated');
      }
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#looking;
  }

  async look(): Promise<void> {
    const { read } = this.#services.store;
    for (let page = await listGitPushes(read, BATCH); page.length > 0 && !this.#isStopped;) {
      for (const push of page) await this.#follow(push);
      page = page.length < BATCH ? [] : await listGitPushes(read, BATCH, page.at(-1));
    }
  }

  async #follow(push: GitPush): Promise<void> {
    const { instance, hook, sha, branch } = push;
    try {
      const job = await followPush(this.#services, push);
      if (job !== undefined)
        this.#log.info({ instance, job, hook, branch, sha }, 'an instance follows a push');
    } catch (error) {
      if (!(error instanceof Problem) || error.code === 'unavailable') throw error;
      this.#log.warn({ instance, hook, branch, problem: error.message }, 'an instance cannot follow a push');
    }
  }
}
