import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem, type Code } from '../../src/domain/errors.ts';
import { errorBody, isIdentityPath, wireOf, wires } from '../../src/api/errors.ts';

/** The contract's table (v2, section 12; iam, section 4), held against ours. */
const contract: Partial<Record<Code, string>> = {
  malformedRequest: '400 APIG.0201',
  tooLarge: '413 APIG.0201',
  uriTooLong: '414 APIG.0201',
  headersTooLarge: '431 APIG.0201',
  routeUnknown: '404 APIG.0101',
  unauthenticated: '401 APIG.0301',
  forbidden: '403 APIG.0302',
  throttled: '429 APIG.0308',
  invalid: '400 SVCSTG.00100400',
  actionUnknown: '400 SVCSTG.00100418',
  runtimeUnknown: '400 SVCSTG.00100420',
  jobIdEmpty: '400 SVCSTG.00100414',
  applicationUnknown: '404 SVCSTG.00100403',
  componentUnknown: '404 SVCSTG.00100404',
  environmentUnknown: '404 SVCSTG.00100411',
  instanceUnknown: '404 SVCSTG.00100412',
  jobUnknown: '404 SVCSTG.00100429',
  releaseUnknown: '404 SVCSTG.00100436',
  loadBalancerUnknown: '404 SVCSTG.00100424',
  applicationNameTaken: '400 SVCSTG.00100458',
  environmentNameTaken: '400 SVCSTG.00100449',
  nameTaken: '400 SVCSTG.00100400',
  componentHasInstances: '400 SVCSTG.00100402',
  noBaseResource: '400 SVCSTG.00100422',
  noArtifact: '400 SVCSTG.00100425',
  instanceBusy: '409 SVCSTG.00100409',
  unavailable: '503 SVCSTG.00100503',
};

test('every code has the status and the wire code of the contract', () => {
  for (const [code, { status, code: wireCode }] of Object.entries(wires)) {
    const known = Object.entries(contract).find(([name]) => name === code)?.[1];
    assert.equal(`${status} ${wireCode}`, known ?? `${status} ${wireCode}`, code);
    assert.ok(status < 500 || code === 'unavailable', `${code} is no 5xx`);
    assert.notEqual(wireCode, 'SVCSTG.00100401', 'clients read that one as "gone"');
  }
  for (const code of Object.keys(contract)) assert.ok(Object.hasOwn(wires, code), code);
});

test('409 of the service means one thing only', () => {
  const codes = Object.entries(wires).filter(
    ([, { status, code }]) => status === 409 && code.startsWith('SVCSTG.'),
  );
  assert.deepEqual(
    codes.map(([code]) => code),
    ['instanceBusy'],
  );
});

test('below /v3.0 the identity service speaks its own form, and the gateway before it keeps its code', () => {
  const form = (code: Code) => errorBody(wireOf(new Problem(code, 'm')), 'm', 'id', '/v3.0/OS-USER/users/1');
  const codeOf = (code: Code) => Object(form(code)).error_code;
  assert.deepEqual(form('identityUnknown'), { error_code: 'IAM.0004', error_msg: 'm', request_id: 'id' });
  assert.deepEqual(
    [codeOf('invalid'), codeOf('forbidden'), codeOf('unauthenticated'), codeOf('throttled')],
    ['IAM.0011', 'IAM.0002', 'APIG.0301', 'APIG.0308'],
  );
});

test("the gateway's form carries the request id, the service's does not, identity speaks Keystone's", () => {
  const forbidden = wireOf(new Problem('forbidden', 'no'));
  assert.deepEqual(errorBody(forbidden, 'no', 'id', '/v2/p/cas/applications'), {
    error_code: 'APIG.0302',
    error_msg: 'no',
    request_id: 'id',
  });
  const busy = wireOf(new Problem('instanceBusy', 'wait'));
  assert.deepEqual(errorBody(busy, 'wait', 'id', '/v2/p'), {
    error_code: 'SVCSTG.00100409',
    error_msg: 'wait',
  });
  assert.deepEqual(errorBody(forbidden, 'no', 'id', '/v3/auth/tokens'), {
    error: { code: 403, message: 'no', title: 'Forbidden' },
  });
});

test('only the identity paths are identity paths', () => {
  for (const url of [
    '/v3/auth/tokens',
    '/v3/auth/tokens?nocatalog=1',
    '//v3/projects',
    '/v3/projects/',
    '/v3/regions',
  ]) {
    assert.ok(isIdentityPath(url), url);
  }
  for (const url of ['/v3/0605/cas/applications', '/v2/p/cas', '/v3/authority', '/'])
    assert.ok(!isIdentityPath(url), url);
});
