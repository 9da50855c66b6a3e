import type { Exit } from '../../../domain/rollout.ts';
import type { Identity } from './identity.ts';
import { isAlive, seeProcess } from './identity.ts';
import type { Begun } from './spawn.ts';

/** `flaw`: why it never became the application. */
export type LifeEnd = Exit & { readonly flaw?: string };

/** One process of a replica, from its start to its end. */
export interface Life {
  readonly identity: Identity;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** By the monotonic clock of this process. */
  readonly sinceMs: number;
  readonly ended: Promise<LifeEnd>;
  /** It was asked to end: somebody waits for it. */
  lookClosely(): void;
}

/** A process that this supervisor started: its end is an event. */
export class BornLife implements Life {
  readonly identity: Identity;
  readonly ended: Promise<LifeEnd>;
  readonly startedAt = Date.now();
  readonly sinceMs = performance.now();

  constructor(identity: Identity, begun: Begun) {
    this.identity = identity;
    // Its parent stops when it is stopped, and would not tell its end then.
    const timer = setInterval(() => {
      if (!seeProcess(identity.pid)) begun.wake();
    }, WAKE_MS);
    this.ended = begun.ended.then(({ code, signal, flaw }) => {
      clearInterval(timer);
      const at = Date.now();
      if (flaw !== undefined) return { code: COULD_NOT_START, at, flaw };
      return { ...(code === undefined ? {} : { code }), ...(signal === undefined ? {} : { signal }), at };
    });
  }

  lookClosely(): void {}
}

/** What a shell answers for a command that it cannot start. */
export const COULD_NOT_START = 127;
const WAKE_MS = 1000;

/** Reading one line of /proc twice a second costs 20 adopted applications under a millisecond per second. */
const LOOK_MS = 500;
const CLOSE_LOOK_MS = 5;

/** A process that an earlier supervisor started: its end is seen by looking, and how it ended by nobody. */
export class AdoptedLife implements Life {
  readonly identity: Identity;
  readonly startedAt: number;
  readonly sinceMs: number;
  readonly ended: Promise<Exit>;
  #isOver = false;
  #look: () => void = () => {};
  #timer: NodeJS.Timeout;

  constructor(identity: Identity, startedAt: number) {
    this.identity = identity;
    this.startedAt = startedAt;
    this.sinceMs = performance.now() - Math.max(0, Date.now() - startedAt);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.ended = new Promise((resolve) => {
      this.#look = () => {
        if (isAlive(identity, identity.boot)) return;
        clearInterval(this.#timer);
        this.#isOver = true;
        resolve({ unknown: true, at: Date.now() });
      };
    });
  }

  lookClosely(): void {
    if (this.#isOver) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), CLOSE_LOOK_MS);
  }
}
