/**
 * The one taxonomy of expected failures. A message says what was wrong, what was expected and what to do.
 * Statuses and wire codes live in api/errors.ts, which must give a row for every code.
 */
export type Code =
  // the request
  | 'malformedRequest' // not HTTP or not JSON as it should be
  | 'tooLarge'
  | 'uriTooLong'
  | 'headersTooLarge'
  | 'routeUnknown'
  | 'unauthenticated'
  | 'forbidden'
  | 'throttled'
  | 'invalid' // a field, or what the object's state forbids
  | 'actionUnknown'
  | 'runtimeUnknown'
  | 'jobIdEmpty'
  // objects
  | 'applicationUnknown'
  | 'componentUnknown'
  | 'environmentUnknown'
  | 'instanceUnknown'
  | 'jobUnknown'
  | 'releaseUnknown'
  | 'loadBalancerUnknown'
  | 'packageUnknown'
  | 'applicationNameTaken'
  | 'environmentNameTaken'
  | 'nameTaken'
  | 'componentHasInstances'
  | 'noBaseResource'
  | 'noArtifact'
  | 'instanceBusy'
  | 'quotaExceeded' // of the project, or what the host can give
  // users, projects, keys
  | 'identityUnknown'
  | 'identityTaken' // a name that is there already
  // git hosts
  | 'gitInvalid' // a field, or what the host refuses
  | 'gitTypeUnsupported'
  | 'gitStateInvalid' // a consent that was not asked for, is used up or too old
  | 'gitNameTaken'
  | 'gitAuthMissing'
  | 'gitAuthInvalid'
  | 'gitCloneUrlInvalid'
  | 'gitUnknown' // an authorization, or something at the host
  // what a job can meet
  | 'artifactUnavailable' // cannot be fetched, or is not what it should be
  | 'addressForbidden' // a URL that points where the platform must not go
  | 'packageUnusable' // the archive or its content does not fit the runtime
  | 'buildFailed'
  | 'runtimeMissing'
  | 'targetUnavailable' // no room, no port, no user, no supervisor
  | 'neverHealthy'
  | 'deadlinePassed'
  | 'preempted' // another request (a deletion) took its place
  | 'taskFailed' // retried within limits and still failing
  // the platform
  | 'unavailable'; // store, disk or shutdown: try again

/** What the copy that failed left behind; kept with the job. */
export interface Evidence {
  /** "code 1", "signal SIGKILL (out of memory)", "unknown". */
  readonly exit?: string;
  /** The last lines of the log, oldest first. */
  readonly log?: readonly string[];
}

export interface ProblemOptions extends ErrorOptions {
  /** It is expected to pass by itself, as when a target cannot be reached: a job waits for it. */
  readonly isPassing?: boolean;
}

export class Problem extends Error {
  readonly code: Code;
  readonly evidence: Evidence;
  readonly isPassing: boolean;
  constructor(code: Code, message: string, evidence: Evidence = {}, options: ProblemOptions = {}) {
    super(message, options);
    this.name = 'Problem';
    this.code = code;
    this.evidence = evidence;
    this.isPassing = options.isPassing ?? code === 'unavailable';
  }
}
