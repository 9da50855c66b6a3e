import type { InstanceId } from './ids.ts';

/**
 * Everything the ingress knows, sent whole under a rising version.
 * A host belongs to one instance; a request goes to one of its targets.
 */
export interface RouteTable {
  readonly version: number;
  readonly routes: readonly Route[];
}

export interface Route {
  readonly instance: InstanceId;
  /** Lower case, without a port. */
  readonly hosts: readonly string[];
  /** Only what lies below a path of a host: the longest path wins, over a whole host too. A proxy of protocol 1 knows none. */
  readonly prefixes?: readonly Prefix[];
  readonly targets: readonly Target[];
  /** Why there is no target, for the 503 that a visitor sees: "is stopped", "has no healthy replica". */
  readonly absence?: string;
}

export interface Prefix {
  readonly host: string;
  /** Begins with "/", ends without; stays in the request. Matches whole segments: /a is the way to /a/b, not to /ab. */
  readonly path: string;
}

export interface Target {
  /** `replicaName` of the replica. */
  readonly replica: string;
  readonly host: string;
  readonly port: number;
  /** Whose socket answers there; absent in tables of before, and where all applications have the platform's user. */
  readonly user?: number;
}

/** Requests (and open WebSockets) in flight, by replica; also of replicas that are no longer in the table. */
export type InFlight = Readonly<Record<string, number>>;
