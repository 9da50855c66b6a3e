import type { Admission } from './admission.ts';
import type { Key } from '../domain/envelope.ts';
import type { Grants } from '../domain/grants.ts';
import type { InstanceId, JobId, ProjectId, UserId } from '../domain/ids.ts';
import type { DriverName, Resource } from '../domain/resource.ts';
import type { JobIds } from '../jobs/open-job.ts';
import type { Store } from '../store/open.ts';

/** Who asks, and for which project; proven before any action sees it. */
export interface Caller {
  readonly project: ProjectId;
  readonly user: UserId;
  readonly userName: string;
  /** Whether the values of variables are shown; else they are masked. */
  readonly mayReadValues: boolean;
  readonly requestId: string;
  /** Hash of caller, method, path and parsed body: the same request while its job is open gets the same ids. */
  readonly requestHash: string;
}

/** What an action that opens a job answers at once. */
export interface Accepted {
  readonly instance: InstanceId;
  readonly job: JobId;
}

/** What actions need; main.ts builds it once. */
export interface Services {
  readonly store: Store;
  readonly key: Key;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly newNonce: () => Buffer;
  /** Tells the engine that there may be a job to take; called after the commit. */
  readonly wake: () => void;
  readonly jobIds: JobIds;
  /** Which driver runs a resource, by the settings. */
  readonly driverOf: (resource: Resource) => DriverName;
  /** What the operator lets projects have. */
  readonly grants: Grants;
  /** Quotas of projects and what the host can give; absent: nothing is bounded. */
  readonly admission?: Admission;
  /** Numeric users for applications; absent where the platform is not root. */
  readonly appUsers?: { readonly low: number; readonly high: number };
}
