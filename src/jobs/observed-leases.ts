import type { JobId } from '../domain/ids.ts';
import type { Claim } from '../store/job-leases.ts';

interface Sight {
  readonly epoch: number;
  readonly beat: number;
  /** By our own monotonic clock; other machines' clocks are never asked. */
  readonly since: number;
}

/** How long each claim has looked the same to us. */
export class Sightings {
  #seen: ReadonlyMap<JobId, Sight> = new Map();

  /** Looks at all claims of a kind at once; those that are gone are forgotten. Answers the ones unchanged for `ms` or more. */
  unchangedFor(ms: number, claims: readonly Claim[], now: number): readonly Claim[] {
    const before = this.#seen;
    const sights = new Map<JobId, Sight>();
    for (const { job, epoch, beat } of claims) {
      const known = before.get(job);
      const isSame = known !== undefined && known.epoch === epoch && known.beat === beat;
      sights.set(job, isSame ? known : { epoch, beat, since: now });
    }
    this.#seen = sights;
    return claims.filter(({ job }) => now - (sights.get(job)?.since ?? now) >= ms);
  }
}

/** Whoever holds a lease of our own node under another run is dead: one process at a time has the data directory. */
export function isOfFormerRun(owner: string | null, node: string, run: string): boolean {
  return owner !== null && owner.startsWith(`${node}:`) && owner !== `${node}:${run}`;
}
