import { STATUS_CODES } from 'node:http';
import { Problem, type Code } from '../domain/errors.ts';

/** How a failure looks on the wire. The form `gateway` carries the request's id, as the contract's gateway does. */
export interface Wire {
  readonly status: number;
  readonly code: string;
  readonly form: 'gateway' | 'service';
}

const gateway = (status: number, code: string): Wire => ({ status, code, form: 'gateway' });
const service = (status: number, number: number): Wire => ({
  status,
  code: `SVCSTG.00${number}`,
  form: 'service',
});

const repository = (status: number, number: string): Wire => ({
  status,
  code: `SVCSTG.REPO.${number}`,
  form: 'service',
});

export const wires = {
  malformedRequest: gateway(400, 'APIG.0201'),
  tooLarge: gateway(413, 'APIG.0201'),
  uriTooLong: gateway(414, 'APIG.0201'),
  headersTooLarge: gateway(431, 'APIG.0201'),
  routeUnknown: gateway(404, 'APIG.0101'),
  unauthenticated: gateway(401, 'APIG.0301'),
  forbidden: gateway(403, 'APIG.0302'),
  throttled: gateway(429, 'APIG.0308'),
  invalid: service(400, 100400),
  actionUnknown: service(400, 100418),
  runtimeUnknown: service(400, 100420),
  jobIdEmpty: service(400, 100414),
  applicationUnknown: service(404, 100403),
  componentUnknown: service(404, 100404),
  environmentUnknown: service(404, 100411),
  instanceUnknown: service(404, 100412),
  jobUnknown: service(404, 100429),
  releaseUnknown: service(404, 100436),
  loadBalancerUnknown: service(404, 100424),
  packageUnknown: service(404, 100408),
  applicationNameTaken: service(400, 100458),
  environmentNameTaken: service(400, 100449),
  nameTaken: service(400, 100400),
  componentHasInstances: service(400, 100402),
  noBaseResource: service(400, 100422),
  noArtifact: service(400, 100425),
  instanceBusy: service(409, 100409),
  // The contract has no code for it.
  quotaExceeded: service(400, 100400),
  identityUnknown: { status: 404, code: 'IAM.0004', form: 'service' },
  identityTaken: { status: 409, code: 'IAM.0005', form: 'service' },
  gitInvalid: repository(400, '0400'),
  gitTypeUnsupported: repository(400, '0401'),
  gitStateInvalid: repository(400, '0402'),
  gitNameTaken: repository(400, '0403'),
  gitAuthMissing: repository(400, '0450'),
  gitAuthInvalid: repository(400, '0451'),
  gitCloneUrlInvalid: repository(400, '0452'),
  // Not in the contract's list: clients take an object for gone at 404 only.
  gitUnknown: repository(404, '0404'),
  // Met by jobs, which tell them in their messages; a request that already shows one is refused as invalid.
  artifactUnavailable: service(400, 100400),
  addressForbidden: service(400, 100400),
  packageUnusable: service(400, 100400),
  buildFailed: service(400, 100400),
  runtimeMissing: service(400, 100400),
  targetUnavailable: service(400, 100400),
  neverHealthy: service(400, 100400),
  deadlinePassed: service(400, 100400),
  preempted: service(400, 100400),
  taskFailed: service(400, 100400),
  unavailable: service(503, 100503),
} as const satisfies Record<Code, Wire>;

/** An unforeseen failure is a fault of the platform; it is logged whole and told by the request's id only. */
export const bug: Wire = { status: 500, code: 'SVCSTG.00100500', form: 'gateway' };

/** Seconds that a client is asked to wait where nothing better is known. */
export const RETRY_AFTER_S = 2;

export function wireOf(error: unknown, url = ''): Wire {
  if (!(error instanceof Problem)) return bug;
  const { code } = error;
  // The git API has codes of its own for what may be wrong with any request.
  if (isGitPath(url) && (code === 'invalid' || code === 'addressForbidden')) return wires.gitInvalid;
  return wires[code];
}

const isGitPath = (url: string) => /^\/+v1\/+[^/]+\/+git\//.test(url);

/** The identity calls answer in Keystone's form, all others in that of the gateway or the service. */
export function isIdentityPath(url: string): boolean {
  return isHuaweiIdentityPath(url) || keystonePath.test(url);
}

const keystonePath =
  /^\/+v3\/*([?]|$)|^\/+v3\/+(auth|catalog|domains|endpoints|projects|regions|roles|services|users)([/?]|$)/;

const isHuaweiIdentityPath = (url: string) => /^\/+v3\.0\//.test(url);

/** The words of the identity service below /v3.0; what the gateway says before it keeps its own. */
const identityCodes: Readonly<Record<number, string>> = {
  400: 'IAM.0011',
  403: 'IAM.0002',
  500: 'IAM.0006',
};

export function errorBody(wire: Wire, message: string, requestId: string, url: string): object {
  if (isHuaweiIdentityPath(url)) {
    const code = identityCodes[wire.status] ?? wire.code;
    return { error_code: code, error_msg: message, request_id: requestId };
  }
  if (keystonePath.test(url)) {
    return { error: { code: wire.status, message, title: STATUS_CODES[wire.status] ?? 'Error' } };
  }
  return wire.form === 'gateway'
    ? { error_code: wire.code, error_msg: message, request_id: requestId }
    : { error_code: wire.code, error_msg: message };
}
