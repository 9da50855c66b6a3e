import { Problem } from './errors.ts';

/** What a project may have at most; 0 is as much as there is. */
export interface Quotas {
  readonly instances: number;
  /** Of users, that wait or are under way. */
  readonly jobs: number;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Of the package repository, by the sizes of its files. */
  readonly packageBytes: number;
}

export type QuotaName = keyof Quotas;

interface Told {
  readonly setting: string;
  /** "12 instances", "1.5 GiB of memory". */
  readonly amount: (value: number) => string;
  readonly todo: string;
}

const GIB = 1024 ** 3;
const short = (value: number): string => String(Number(value.toFixed(2)));
const gib = (bytes: number): string =>
  bytes > 0 && bytes < GIB / 100 ? `${bytes} bytes` : `${short(bytes / GIB)} GiB`;

export const quotas: Readonly<Record<QuotaName, Told>> = {
  instances: {
    setting: 'OPENSTAGE_QUOTA_INSTANCES',
    amount: (value) => `${value} instances`,
    todo: 'delete instances that are not needed',
  },
  jobs: {
    setting: 'OPENSTAGE_QUOTA_JOBS',
    amount: (value) => `${value} open jobs`,
    todo: 'wait until some have ended',
  },
  cpuMillis: {
    setting: 'OPENSTAGE_QUOTA_CORES',
    amount: (value) => `${short(value / 1000)} cores`,
    todo: 'choose a smaller flavor or fewer replicas, or stop instances',
  },
  memoryBytes: {
    setting: 'OPENSTAGE_QUOTA_MEMORY_GIB',
    amount: (value) => `${gib(value)} of memory`,
    todo: 'choose a smaller flavor or fewer replicas, or stop instances',
  },
  packageBytes: {
    setting: 'OPENSTAGE_QUOTA_PACKAGES_GIB',
    amount: (value) => `${gib(value)} of packages`,
    todo: 'delete packages that no instance needs',
  },
};

export const quotaNames: readonly QuotaName[] = [
  'instances',
  'jobs',
  'cpuMillis',
  'memoryBytes',
  'packageBytes',
];

/** A Problem where a project would have more than its quota; `used` is without what is asked for. */
export function assertWithin(limits: Quotas, name: QuotaName, used: number, more: number): void {
  const limit = limits[name];
  if (limit === 0 || more <= 0 || used + more <= limit) return;
  const { setting, amount, todo } = quotas[name];
  throw new Problem(
    'quotaExceeded',
    `This project may have ${amount(limit)} (${setting}); it has ${amount(used)}, and this request needs ${amount(more)} more: ${todo}, or have the operator raise the quota.`,
  );
}

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
  const cpu = capacity.cpuMillis * capacity.cpuOvercommit;
  if (more.cpuMillis > 0 && promised.cpuMillis + more.cpuMillis > cpu) {
    throw noRoom(
      `${short(more.cpuMillis / 1000)} cores`,
      `${short(Math.max(0, cpu - promised.cpuMillis) / 1000)} of ${short(cpu / 1000)}`,
      `${short(capacity.cpuMillis / 1000)} cores`,
      'OPENSTAGE_CPU_OVERCOMMIT',
      capacity.cpuOvercommit,
    );
  }
  const memory = capacity.memoryBytes * capacity.memoryOvercommit;
  if (more.memoryBytes > 0 && promised.memoryBytes + more.memoryBytes > memory) {
    throw noRoom(
      `${gib(more.memoryBytes)} of memory`,
      `${gib(Math.max(0, memory - promised.memoryBytes))} of ${gib(memory)}`,
      gib(capacity.memoryBytes),
      'OPENSTAGE_MEMORY_OVERCOMMIT',
      capacity.memoryOvercommit,
    );
  }
}

const noRoom = (needed: string, left: string, has: string, setting: string, times: number): Problem =>
  new Problem(
    'quotaExceeded',
    `The request needs ${needed} more, and this host may still promise ${left} (it has ${has}, promised ${times} times over: ${setting}); choose a smaller flavor or fewer replicas, stop instances, or have the operator raise that setting.`,
  );
