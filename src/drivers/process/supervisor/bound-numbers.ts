/** What an application may take of the things that all share, and that no cgroup bounds. */
export interface Bounds {
  /** Ports that an application listens on beside its own. */
  readonly ports: number;
  /** Open files and sockets of all replicas of an instance: also a socket that nobody listens on holds a port. */
  readonly descriptors: number;
  /** Of the directories of a replica. */
  readonly diskBytes: number;
  readonly files: number;
  /** Of one part of a replica's log. */
  readonly logBytes: number;
}

const MOST_PORTS = 64;
const LEAST_DESCRIPTORS = 1024;

/** So that no instance can take all ports of the range. */
export const boundsFor = (
  ports: { readonly low: number; readonly high: number },
  own: Pick<Bounds, 'diskBytes' | 'files' | 'logBytes'>,
): Bounds => ({
  ...own,
  ports: MOST_PORTS,
  descriptors: Math.max(LEAST_DESCRIPTORS, Math.floor((ports.high - ports.low + 1) / 2)),
});
