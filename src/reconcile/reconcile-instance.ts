import type { Services } from '../actions/caller.ts';
import { repairInstance } from '../actions/repair-instance.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { LookClock } from '../domain/look.ts';
import type { Driver } from '../drivers/driver.ts';
import { findInstanceEvenDeleted } from '../store/instances.ts';
import { listUnretiredRolloutsOf } from '../store/rollouts.ts';
import { findWatched, listSeenTexts, textOf } from '../store/watched.ts';
import { look, recordObserved } from '../tasks/observe-instance.ts';
import { deviates } from './deviation.ts';

export interface Reconciled {
  /** What the ingress is told may be another. */
  readonly hasChanged: boolean;
  /** Another look was recorded meanwhile that may be newer or not: one more decides. */
  readonly isOutdated: boolean;
  /** Why a repair was asked for. */
  readonly deviation?: string;
  /** busy: a job is open. */
  readonly repair?: 'opened' | 'busy';
}

/** Looks at one instance, stores what is new, and opens a repair where what runs is not what should. Whatever it finds, a second call finds less to do. */
export async function reconcileInstance(
  {
    services,
    driver,
    looks,
  }: {
    readonly services: Services;
    readonly driver: Driver;
    readonly looks: LookClock;
  },
  id: InstanceId,
  /** Told whether the instance deviates; answers whether it may be repaired. */
  mayRepair: (deviates: boolean) => boolean,
): Promise<Reconciled> {
  const { store, now } = services;
  // Read before the look: a repair is opened only if nothing was decided anew since.
  const basis = await findInstanceEvenDeleted(store.read, id);
  const seen = await look(looks, () => driver.observe(id));
  const before = await findWatched(store.read, id);
  if (!before) return { hasChanged: false, isOutdated: false };
  const isNew =
    !before.isDeleted &&
    (!before.isObservable || ((await listSeenTexts(store.read, [id])).get(id) ?? '') !== textOf(seen.seen));
  const isRecorded = isNew && (await store.write((tx) => recordObserved(tx, id, seen, now())));
  const instance = await findWatched(store.read, id);
  const isOutdated = isNew && !isRecorded && instance?.isDeleted === false;
  const result = { hasChanged: isRecorded, isOutdated };
  // By a look that is too old nobody is repaired, and what a job is at, it sees to itself.
  if (!instance || isOutdated || instance.isBusy) return result;
  const unretired = await listUnretiredRolloutsOf(store.read, [id]);
  const deviation = deviates(instance, seen.seen, unretired.get(id) ?? []);
  if (!mayRepair(deviation !== undefined) || deviation === undefined) return result;
  if (!basis) return result;
  const isOpened = await repairInstance(services, basis);
  return { ...result, deviation, repair: isOpened ? 'opened' : 'busy' };
}
