import { limitsOf } from '../domain/flavor.ts';
import type { InstanceId, ReleaseId } from '../domain/ids.ts';
import type { Activity } from '../domain/instance.ts';
import type { Plan } from '../domain/job.ts';
import {
  assertFits,
  assertRoom,
  assertWithin,
  type Capacity,
  type Quotas,
  type Size,
} from '../domain/quota.ts';
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
  sumReservations,
} from '../store/reservations.ts';

/** What the operator lets projects have, and what the host can give. */
export interface Admission {
  readonly quotas: Quotas;
  readonly capacity: Capacity;
}

const nothing: Size = { cpuMillis: 0, memoryBytes: 0 };

/** What takes nothing that is not held already, and is never refused for want of room. */
const giving: ReadonlySet<Activity> = new Set(['stopping', 'deleting']);

/**
 * In the transaction that accepts a request: a Problem where its project or its host has no room for it. What is
 * promised counts from here on, so that two requests at once never both get the last of it.
 */
export async function admit(
  { quotas, capacity }: Admission,
  tx: Tx,
  instance: Instance,
  { activity, plan }: { readonly activity: Activity; readonly plan: Plan },
): Promise<void> {
  if (giving.has(activity)) return;
  const size = sizeOf(await flavorOf(tx, plan.next?.release ?? instance.servingRelease), 1);
  if (plan.replicas > 0) assertFits(capacity, size);
  await holdQuotas(tx);
  const { project } = instance;
  if (activity === 'creating') assertWithin(quotas, 'instances', (await countInstances(tx, project)) - 1, 1);
  assertWithin(quotas, 'jobs', await countOpenJobs(tx, project), 1);
  const held = await findReservation(tx, instance.id);
  const wanted = largest(held ?? nothing, times(size, plan.replicas));
  const more = less(wanted, held ?? nothing);
  if (more.cpuMillis === 0 && more.memoryBytes === 0) return;
  const used = await sumReservations(tx, project);
  assertWithin(quotas, 'cpuMillis', used.cpuMillis, more.cpuMillis);
  assertWithin(quotas, 'memoryBytes', used.memoryBytes, more.memoryBytes);
  assertRoom(capacity, await sumReservations(tx), more);
  await putReservation(tx, instance, wanted);
}

/** At the end of a job: an instance holds what runs, or nothing. */
export async function settleReservation(tx: Tx, id: InstanceId): Promise<void> {
  const instance = await findInstance(tx, id);
  if (!instance || instance.wanted === 'deleted') return;
  if (instance.wanted === 'stopped' || instance.servingRelease === undefined)
    return deleteReservation(tx, id);
  await putReservation(tx, instance, sizeOf(await flavorOf(tx, instance.servingRelease), instance.replicas));
}

/** Instances of the version before hold nothing yet; they are not refused what they have. */
export async function reserveRunning(store: Store): Promise<void> {
  const missing = await listUnreserved(store.read);
  if (missing.length === 0) return;
  await store.write(async (tx) => {
    for (const { release, replicas, ...instance } of missing)
      await putReservation(tx, instance, sizeOf(await flavorOf(tx, release), replicas));
  });
}

async function flavorOf(tx: Tx, release: ReleaseId | undefined): Promise<string | undefined> {
  return release && (await findRelease(tx, release))?.content.flavorId;
}

const sizeOf = (flavorId: string | undefined, replicas: number): Size =>
  flavorId === undefined ? nothing : times(limitsOf(flavorId), replicas);

const times = ({ cpuMillis, memoryBytes }: Size, count: number): Size => ({
  cpuMillis: cpuMillis * count,
  memoryBytes: memoryBytes * count,
});

const largest = (left: Size, right: Size): Size => ({
  cpuMillis: Math.max(left.cpuMillis, right.cpuMillis),
  memoryBytes: Math.max(left.memoryBytes, right.memoryBytes),
});

const less = (left: Size, right: Size): Size => ({
  cpuMillis: left.cpuMillis - right.cpuMillis,
  memoryBytes: left.memoryBytes - right.memoryBytes,
});
