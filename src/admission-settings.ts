import { availableParallelism, totalmem } from 'node:os';
import type { Admission } from './actions/admission.ts';

const GIB = 1024 ** 3;

interface Sizes {
  readonly quotaInstances: number;
  readonly quotaJobs: number;
  readonly quotaCores: number;
  readonly quotaMemoryGiB: number;
  readonly quotaPackagesGiB: number;
  readonly cpuOvercommit: number;
  readonly memoryOvercommit: number;
}

/** What projects may have, and what this host can give. */
export const readAdmission = (settings: Sizes): Admission => ({
  quotas: {
    instances: settings.quotaInstances,
    jobs: settings.quotaJobs,
    cpuMillis: settings.quotaCores * 1000,
    memoryBytes: settings.quotaMemoryGiB * GIB,
    packageBytes: settings.quotaPackagesGiB * GIB,
  },
  capacity: {
    cpuMillis: availableParallelism() * 1000,
    memoryBytes: totalmem(),
    cpuOvercommit: settings.cpuOvercommit,
    memoryOvercommit: settings.memoryOvercommit,
  },
});
