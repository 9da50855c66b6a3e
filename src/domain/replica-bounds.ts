/** Of what a replica prints: the newest part, and one older one. */
export const LOG_PART_BYTES = 8 * 1024 * 1024;
export const LOG_PARTS = 2;

/** What holds one replica, in numbers. Absent: nothing bounds it on this host. */
export interface ReplicaBounds {
  readonly memoryBytes?: number;
  /** Thousandths of a core. */
  readonly cpuMillis?: number;
  /** Threads included. */
  readonly processes?: number;
  /** Open files and sockets of one process. */
  readonly descriptorsOfProcess?: number;
  /** The same of all replicas of the instance on this host. */
  readonly descriptors?: number;
  /** Of its own directories, HOME and EmptyDir. */
  readonly diskBytes?: number;
  readonly files?: number;
  /** Of what it prints; older lines go. */
  readonly logBytes?: number;
  /** On which all replicas of the instance on this host listen beside their own. */
  readonly ports?: number;
}
