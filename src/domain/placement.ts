import type { HostId } from './ids.ts';

/** Where the replicas of a rollout run. */
export type Placement = HostsPlacement;

export interface HostsPlacement {
  readonly on: 'hosts';
  /** Ordinal n runs on hosts[n % hosts.length]. Never empty. */
  readonly hosts: readonly HostId[];
  /** Numeric user of the application; absent: the platform's own user. */
  readonly user?: number;
}
