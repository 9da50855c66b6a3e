import type { JobId } from '../domain/ids.ts';
import type { Claim } from '../store/job-leases.ts';

interface Sight {
  readonly epoch: number;
  readonly beat: number;
  /** By our own monotonic clock; other machines' clocks are never asked. */
  readonly since: number;
  /** The look before the one that found it changed: it was alive after that. Undefined until a change was seen. */
  readonly aliveAfter: number | undefined;
}

/** How long each claim has looked the same to us. */
export class Sightings {
  #seen: ReadonlyMap<JobId, Sight> = new Map();
  #lookedAt: number | undefined;

  /** Looks at all claims of a kind at once; those that are gone are forgotten. Answers the ones unchanged for `ms` or more. */
  unchangedFor(ms: number, claims: readonly Claim[], now: number): readonly Claim[] {
    const before = this.#seen;
    const sights = new Map<JobId, Sight>();
    for (const { job, epoch, beat } of claims) {
      const known = before.get(job);
      const isSame = known !== undefined && known.epoch === epoch && known.beat === beat;
      const aliveAfter = known === undefined ? undefined : this.#lookedAt;
      sights.set(job, isSame ? known : { epoch, beat, since: now, aliveAfter });
    }
    this.#seen = sights;
    this.#lookedAt = now;
    return claims.filter(({ job }) => now - (sights.get(job)?.since ?? now) >= ms);
  }

  /** Whether it was certainly seen to change in the last `ms`; a claim that is new to us was not. */
  changedWithin(ms: number, job: JobId, now: number): boolean {
    const aliveAfter = this.#seen.get(job)?.aliveAfter;
    return aliveAfter !== undefined && now - aliveAfter < ms;
  }
}

/** Whoever holds a lease of our own node under another run is dead: one process at a time has the data directory. */
export function isOfFormerRun(owner: string | null, node: string, run: string): boolean {
  return owner !== null && owner.startsWith(`${node}:`) && owner !== `${node}:${run}`;
}
