import type { InstanceId } from '../domain/ids.ts';
import { waitAfter, type BackOff } from './back-off.ts';

const REPAIRS: BackOff = { firstMs: 1_000, mostMs: 5 * 60_000 };
/** What was well for less may only have been between two faults. */
const WELL_LEAST_MS = 30_000;

interface Repaired {
  readonly count: number;
  readonly waitMs: number;
  readonly dueAt: number;
  readonly wellSince?: number;
}

/**
 * When an instance that deviates may be repaired again: at once the first time, then after 1 s, and ever later up to
 * 5 to 10 minutes, as long as repairs do not help. It begins anew once the instance was well for as long as it waited.
 */
export class Repairs {
  readonly #random: () => number;
  readonly #repaired = new Map<InstanceId, Repaired>();

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  isDue(id: InstanceId, now: number): boolean {
    return now >= (this.#repaired.get(id)?.dueAt ?? 0);
  }

  /** A repair was opened. */
  began(id: InstanceId, now: number): void {
    const count = (this.#repaired.get(id)?.count ?? 0) + 1;
    const waitMs = waitAfter(count, REPAIRS, this.#random);
    this.#repaired.set(id, { count, waitMs, dueAt: now + waitMs });
  }

  /** A job is at it still; waiting begins when that has ended. */
  goesOn(id: InstanceId, now: number): void {
    const repaired = this.#repaired.get(id);
    if (repaired) this.#repaired.set(id, { ...repaired, dueAt: now + repaired.waitMs });
  }

  deviates(id: InstanceId): void {
    const repaired = this.#repaired.get(id);
    if (repaired?.wellSince === undefined) return;
    const { wellSince: _, ...rest } = repaired;
    this.#repaired.set(id, rest);
  }

  isWell(id: InstanceId, now: number): void {
    const repaired = this.#repaired.get(id);
    if (!repaired) return;
    const { wellSince = now, waitMs } = repaired;
    if (now - wellSince >= Math.max(WELL_LEAST_MS, waitMs)) this.#repaired.delete(id);
    else this.#repaired.set(id, { ...repaired, wellSince });
  }
}
