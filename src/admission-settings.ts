import { availableParallelism, totalmem } from 'node:os';
import type { Admission } from './actions/admission.ts';
import { LOG_PART_BYTES, LOG_PARTS } from './domain/replica-bounds.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

interface Sizes {
  readonly quotaInstances: number;
  readonly quotaJobs: number;
  readonly quotaCores: number;
  readonly quotaMemoryGiB: number;
  readonly quotaPackagesGiB: number;
  readonly quotaDiskGiB: number;
  readonly quotaLogMiB: number;
  readonly quotaReleasesGiB: number;
  readonly appDiskMiB: number;
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
    diskBytes: settings.quotaDiskGiB * GIB,
    logBytes: settings.quotaLogMiB * MIB,
    releaseBytes: settings.quotaReleasesGiB * GIB,
  },
  capacity: {
    cpuMillis: availableParallelism() * 1000,
    memoryBytes: totalmem(),
    cpuOvercommit: settings.cpuOvercommit,
    memoryOvercommit: settings.memoryOvercommit,
  },
  replica: { diskBytes: settings.appDiskMiB * MIB, logBytes: LOG_PARTS * LOG_PART_BYTES },
});
