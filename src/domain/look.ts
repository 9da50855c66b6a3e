import type { Observed } from './rollout.ts';

/** What a target showed of an instance, and between which moments it was asked and answered. */
export interface Look {
  readonly begun: number;
  readonly ended: number;
  readonly seen: readonly Observed[];
}

/**
 * Orders looks and the ends of replicas without a clock, which might step. A look replaces another one only if it began
 * after that one had ended: of two that overlap, nobody can say which is newer.
 */
export class LookClock {
  #last: number;

  /** Goes on from the last moment that the store knows, so that a former life of the platform is always before. */
  constructor(last: number) {
    this.#last = last;
  }

  moment(): number {
    this.#last += 1;
    return this.#last;
  }
}
