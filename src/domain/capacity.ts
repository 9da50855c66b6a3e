import { Problem } from './errors.ts';
import { counted, gib, short } from './quota.ts';

/** What this host can give, and how many times over it is promised. */
export interface Capacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly cpuOvercommit: number;
  readonly memoryOvercommit: number;
}

export interface Size {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

export const nothing: Size = { cpuMillis: 0, memoryBytes: 0 };

export const isNothing = ({ cpuMillis, memoryBytes }: Size): boolean => cpuMillis === 0 && memoryBytes === 0;

export const times = ({ cpuMillis, memoryBytes }: Size, count: number): Size => ({
  cpuMillis: cpuMillis * count,
  memoryBytes: memoryBytes * count,
});

const each = (left: Size, right: Size, join: (one: number, other: number) => number): Size => ({
  cpuMillis: join(left.cpuMillis, right.cpuMillis),
  memoryBytes: join(left.memoryBytes, right.memoryBytes),
});
export const sum = (left: Size, right: Size): Size => each(left, right, (one, other) => one + other);
export const less = (left: Size, right: Size): Size => each(left, right, (one, other) => one - other);
export const largest = (left: Size, right: Size): Size => each(left, right, Math.max);
export const smallest = (left: Size, right: Size): Size => each(left, right, Math.min);

/** A Problem where one replica is larger than the host. */
export function assertFits(capacity: Capacity, replica: Size): void {
  if (replica.cpuMillis > capacity.cpuMillis) {
    throw new Problem(
      'quotaExceeded',
      `The flavor gives a replica ${short(replica.cpuMillis / 1000)} cores, but this host has ${short(capacity.cpuMillis / 1000)} in all; choose a smaller flavor.`,
    );
  }
  if (replica.memoryBytes > capacity.memoryBytes) {
    throw new Problem(
      'quotaExceeded',
      `The flavor gives a replica ${gib(replica.memoryBytes)} of memory, but this host has ${gib(capacity.memoryBytes)} in all; choose a smaller flavor.`,
    );
  }
}

/** A Problem where all instances of the host together would be promised more than it may promise. */
export function assertRoom(capacity: Capacity, promised: Size, more: Size): void {
  const lack = lackOf(capacity, promised, more);
  if (lack === undefined) return;
  throw new Problem(
    'quotaExceeded',
    `The request needs ${lack}; choose a smaller flavor or fewer replicas, stop instances, or have the operator raise that setting.`,
  );
}

/**
 * The same for what an update needs beside what it replaces, until it ends. A full host must still be able to update:
 * the first one that does not fit goes beyond, all others wait until no update is under way.
 */
export function assertSurge(capacity: Capacity, promised: Size, surge: Size, isOtherUnderWay: boolean): void {
  const lack = isOtherUnderWay ? lackOf(capacity, promised, surge) : undefined;
  if (lack === undefined) return;
  throw new Problem(
    'quotaExceeded',
    `The old and the new replicas of an update run side by side for a time, which needs ${lack}, and another instance is being updated. ` +
      'Wait until that has ended and repeat the request; else choose the strategy Recreate or a smaller maxSurge, stop instances, or have the operator raise that setting.',
    {},
    { isPassing: true },
  );
}

/** "2 GiB of memory more, but …": what there is no room for, and why. */
function lackOf(capacity: Capacity, promised: Size, more: Size): string | undefined {
  const cpu = capacity.cpuMillis * capacity.cpuOvercommit;
  if (more.cpuMillis > 0 && promised.cpuMillis + more.cpuMillis > cpu) {
    const cores = (millis: number) => short(millis / 1000);
    return (
      `${counted(more.cpuMillis / 1000, 'core')} more, but of the ${counted(cpu / 1000, 'core')} that this host may promise ` +
      `(${capacity.cpuOvercommit} times the ${cores(capacity.cpuMillis)} that it has: OPENSTAGE_CPU_OVERCOMMIT) ` +
      `${cores(Math.max(0, cpu - promised.cpuMillis))} are left`
    );
  }
  const memory = capacity.memoryBytes * capacity.memoryOvercommit;
  if (more.memoryBytes > 0 && promised.memoryBytes + more.memoryBytes > memory) {
    return (
      `${gib(more.memoryBytes)} of memory more, but of the ${gib(memory)} that this host may promise ` +
      `(${capacity.memoryOvercommit} times the ${gib(capacity.memoryBytes)} that it has: OPENSTAGE_MEMORY_OVERCOMMIT) ` +
      `${gib(Math.max(0, memory - promised.memoryBytes))} are left`
    );
  }
  return undefined;
}
