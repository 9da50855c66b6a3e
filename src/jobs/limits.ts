/** Every wait, retry and queue of the engine has its bound here. */
export interface EngineLimits {
  /** Time for the tasks of a job, of which only that under a lease counts. With undoing it stays below the 10 minutes that clients wait. */
  readonly forwardMs: number;
  readonly undoMs: number;
  /** Jobs that one worker has at a time. */
  readonly parallel: number;
  readonly heartbeatMs: number;
  /** A foreign lease that shows no sign of life for so long is taken over. */
  readonly leaseMs: number;
  /** A worker that could not prove its lease for so long stops its tasks; what is left until `leaseMs` is theirs to stop in. */
  readonly lostAfterMs: number;
  /** Between looks for leases to take over. New jobs never wait for it. */
  readonly scanMs: number;
  /** For a task to heed its stop signal; see give-up in run-job.ts. */
  readonly settleMs: number;
  /** A job waits so long for a task of an ended job that does not stop, then it fails. */
  readonly blockedMs: number;
  /** How long `stop` waits for tasks. Below what service managers allow before they kill (systemd: 90 s, Docker: 10 s). */
  readonly stopMs: number;
  /** A task that throws anything but a Problem is tried so often, counted while one worker holds the job. */
  readonly attempts: number;
  /** What passes by itself is waited for until the job's deadline, but in the first task, before anything has changed, only so long. */
  readonly patienceMs: number;
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export const defaultLimits: EngineLimits = {
  forwardMs: 8 * 60_000,
  undoMs: 60_000,
  parallel: 16,
  heartbeatMs: 2_000,
  leaseMs: 10_000,
  lostAfterMs: 6_000,
  scanMs: 1_000,
  settleMs: 20_000,
  blockedMs: 120_000,
  stopMs: 8_000,
  attempts: 5,
  patienceMs: 15_000,
  firstRetryMs: 200,
  lastRetryMs: 5_000,
};
