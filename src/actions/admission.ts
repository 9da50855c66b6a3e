import { largest, less, nothing, isNothing, smallest, sum, times } from '../domain/capacity.ts';
import { assertFits, assertRoom, assertSurge, type Capacity, type Size } from '../domain/capacity.ts';
import { limitsOf } from '../domain/flavor.ts';
import type { InstanceId, ReleaseId } from '../domain/ids.ts';
import type { Activity } from '../domain/instance.ts';
import type { Plan } from '../domain/job.ts';
import { assertBelow, assertWithin, type Quotas } from '../domain/quota.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { findInstance, type Instance } from '../store/instances.ts';
import type { Store, Tx } from '../store/open.ts';
import { findRelease } from '../store/releases.ts';
import {
  countInstances,
  countOpenJobs,
  deleteReservation,
  findReservation,
  holdQuotas,
  listUnreserved,
  putReservation,
  sumReleases,
  sumReservations,
  type Held,
} from '../store/reservations.ts';

/** What the operator lets projects have, and what the host can give. */
export interface Admission {
  readonly quotas: Quotas;
  readonly capacity: Capacity;
  /** The bounds of one replica. */
  readonly replica: { readonly diskBytes: number; readonly logBytes: number };
}

/** What takes nothing that is not held already, and is never refused for want of room. */
const giving: ReadonlySet<Activity> = new Set(['stopping', 'deleting']);

/**
 * In the transaction that accepts a request: a Problem where its project or its host has no room for it. What is
 * promised counts from here on, so that two requests at once never both get the last of it.
 */
export async function admit(
  admission: Admission,
  tx: Tx,
  instance: Instance,
  { activity, plan }: { readonly activity: Activity; readonly plan: Plan },
): Promise<void> {
  if (giving.has(activity)) return;
  const { quotas, capacity } = admission;
  const next = await contentOf(tx, plan.next?.release ?? instance.servingRelease);
  const size = sizeOf(next);
  if (plan.replicas > 0) assertFits(capacity, size);
  await holdQuotas(tx);
  const { project } = instance;
  if (activity === 'creating') assertWithin(quotas, 'instances', (await countInstances(tx, project)) - 1, 1);
  assertWithin(quotas, 'jobs', await countOpenJobs(tx, project), 1);
  if (plan.next && making.has(activity) && quotas.releaseBytes > 0)
    assertBelow(quotas, 'releaseBytes', await sumReleases(tx, project));
  const held = (await findReservation(tx, instance.id)) ?? { ...nothing, replicas: 0 };
  const asked = times(size, plan.replicas);
  const wanted = { ...largest(held, asked), replicas: Math.max(held.replicas, plan.replicas) };
  const more = { ...less(wanted, held), replicas: wanted.replicas - held.replicas };
  const surge = plan.next ? await surgeOf(tx, instance, asked, next) : nothing;
  if (isNothing(more) && more.replicas === 0 && isNothing(surge)) return;
  await assertQuotas(admission, tx, instance, more);
  const all = await sumReservations(tx);
  assertRoom(capacity, sum(all, all.surge), more);
  // Whoever has to go back from a bad release is not to wait for others.
  if (activity !== 'rollingBack')
    assertSurge(capacity, sum(sum(all, all.surge), more), surge, !isNothing(all.surge));
  await putReservation(tx, instance, wanted, surge);
}

/** What makes a release that is kept. */
const making: ReadonlySet<Activity> = new Set(['creating', 'changing']);

async function assertQuotas({ quotas, replica }: Admission, tx: Tx, { project }: Instance, more: Held) {
  const used = await sumReservations(tx, project);
  assertWithin(quotas, 'cpuMillis', used.cpuMillis, more.cpuMillis);
  assertWithin(quotas, 'memoryBytes', used.memoryBytes, more.memoryBytes);
  for (const name of ['diskBytes', 'logBytes'] as const)
    assertWithin(quotas, name, used.replicas * replica[name], more.replicas * replica[name]);
}

/** What runs at a time beyond the larger of what serves and what replaces it. */
async function surgeOf(
  tx: Tx,
  { wanted, servingRelease, replicas }: Instance,
  asked: Size,
  next: ReleaseContent | undefined,
): Promise<Size> {
  if (wanted !== 'running' || servingRelease === undefined || next === undefined) return nothing;
  if (next.strategy === 'Recreate') return nothing;
  const serving = sizeOf(await contentOf(tx, servingRelease));
  const both = smallest(times(serving, replicas), asked);
  if (next.batches === undefined) return both;
  return smallest(both, times(largest(serving, sizeOf(next)), next.batches.maxSurge));
}

/** At the end of a job: an instance holds what runs, or nothing. */
export async function settleReservation(tx: Tx, id: InstanceId): Promise<void> {
  const instance = await findInstance(tx, id);
  if (!instance || instance.wanted === 'deleted') return;
  if (instance.wanted === 'stopped' || instance.servingRelease === undefined)
    return deleteReservation(tx, id);
  await putReservation(tx, instance, heldBy(await contentOf(tx, instance.servingRelease), instance.replicas));
}

/** Instances of the version before hold nothing yet; they are not refused what they have. */
export async function reserveRunning(store: Store): Promise<void> {
  const missing = await listUnreserved(store.read);
  if (missing.length === 0) return;
  await store.write(async (tx) => {
    for (const { release, replicas, ...instance } of missing)
      await putReservation(tx, instance, heldBy(await contentOf(tx, release), replicas));
  });
}

async function contentOf(tx: Tx, release: ReleaseId | undefined): Promise<ReleaseContent | undefined> {
  return release && (await findRelease(tx, release))?.content;
}

const sizeOf = (content: ReleaseContent | undefined): Size =>
  content === undefined ? nothing : limitsOf(content.flavorId);

const heldBy = (content: ReleaseContent | undefined, replicas: number): Held => ({
  ...times(sizeOf(content), replicas),
  replicas,
});
