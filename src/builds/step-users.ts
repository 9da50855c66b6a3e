import { readdir, stat } from 'node:fs/promises';
import { Problem } from '../domain/errors.ts';

/** A numeric user whose only work is one step, or one build. */
export interface StepUser {
  readonly id: number;
  free(): void;
}

/**
 * Users for build steps, one for each, so that none can lay hands on what another made. The one that rested longest is
 * next, and none is given as long as anything on this machine runs as it.
 */
export class StepUsers {
  readonly #free: number[];

  constructor({ low, high }: { readonly low: number; readonly high: number }) {
    this.#free = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  }

  async take(): Promise<StepUser> {
    const running = await runningUsers();
    const index = this.#free.findIndex((user) => !running.has(user));
    const [id] = index === -1 ? [] : this.#free.splice(index, 1);
    if (id === undefined)
      throw new Problem(
        'targetUnavailable',
        'All users for build steps are at work; repeat the request in a few minutes.',
      );
    let isTaken = true;
    return {
      id,
      free: () => {
        if (isTaken) this.#free.push(id);
        isTaken = false;
      },
    };
  }
}

async function runningUsers(): Promise<ReadonlySet<number>> {
  const names = await readdir('/proc').catch(() => []);
  const users = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((pid) => stat(`/proc/${pid}`).catch(() => undefined)),
  );
  return new Set(users.flatMap((seen) => (seen ? [seen.uid] : [])));
}
