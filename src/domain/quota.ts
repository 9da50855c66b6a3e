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
  /** What replicas may have in HOME and EmptyDir, by their bound. */
  readonly diskBytes: number;
  /** The same of what they print. */
  readonly logBytes: number;
  /** Of packages that releases are made of, each counted once. */
  readonly releaseBytes: number;
}

export type QuotaName = keyof Quotas;

interface Told {
  readonly setting: string;
  /** "12 instances", "1.5 GiB of memory". */
  readonly amount: (value: number) => string;
  readonly todo: string;
}

const GIB = 1024 ** 3;
export const short = (value: number): string => String(Number(value.toFixed(2)));
const MIB = 1024 ** 2;
export function gib(bytes: number): string {
  if (bytes === 0 || bytes >= GIB / 10) return `${short(bytes / GIB)} GiB`;
  return bytes >= MIB ? `${short(bytes / MIB)} MiB` : `${bytes} bytes`;
}

export const counted = (value: number, what: string): string =>
  `${short(value)} ${what}${value === 1 ? '' : 's'}`;

export const quotas: Readonly<Record<QuotaName, Told>> = {
  instances: {
    setting: 'OPENSTAGE_QUOTA_INSTANCES',
    amount: (value) => counted(value, 'instance'),
    todo: 'delete instances that are not needed',
  },
  jobs: {
    setting: 'OPENSTAGE_QUOTA_JOBS',
    amount: (value) => counted(value, 'open job'),
    todo: 'wait until some have ended',
  },
  cpuMillis: {
    setting: 'OPENSTAGE_QUOTA_CORES',
    amount: (value) => counted(value / 1000, 'core'),
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
  diskBytes: {
    setting: 'OPENSTAGE_QUOTA_DISK_GIB',
    amount: (value) => `${gib(value)} of disk for its replicas`,
    todo: 'choose fewer replicas, or stop instances',
  },
  logBytes: {
    setting: 'OPENSTAGE_QUOTA_LOG_MIB',
    amount: (value) => `${gib(value)} of logs`,
    todo: 'choose fewer replicas, or stop instances',
  },
  releaseBytes: {
    setting: 'OPENSTAGE_QUOTA_RELEASES_GIB',
    amount: (value) => `${gib(value)} of packages in its releases`,
    todo: 'delete instances that are not needed, with all their releases',
  },
};

export const quotaNames: readonly QuotaName[] = [
  'instances',
  'jobs',
  'cpuMillis',
  'memoryBytes',
  'packageBytes',
  'diskBytes',
  'logBytes',
  'releaseBytes',
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

/** The same where what is asked for is not known yet: whoever has reached its quota gets no more. */
export function assertBelow(limits: Quotas, name: QuotaName, used: number): void {
  const limit = limits[name];
  if (limit === 0 || used < limit) return;
  const { setting, amount, todo } = quotas[name];
  throw new Problem(
    'quotaExceeded',
    `This project may have ${amount(limit)} (${setting}); it has ${amount(used)}: ${todo}, or have the operator raise the quota.`,
  );
}
