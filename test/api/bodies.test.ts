import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { instanceId, jobId } from '../../src/domain/ids.ts';
import { updateInstance } from '../../src/store/instances.ts';
import { seedOf } from '../store/seeds.ts';
import { endJob } from './end-job.ts';
import { mutationsOf, valuesOf, withoutNulls, type Known } from './generated.ts';
import { filled, oneOfEach, type Ids } from './ids.ts';
import { contract, ownDocument } from './schemas.ts';
import { CLUSTER, ENVIRONMENT, HOST, LOAD_BALANCER, openStage, type Answer, type Stage } from './stage.ts';

const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';
const cases = isAll ? 5_000 : 200;

/** Bodies that go on to a repository's host are tried beside one. */
const isElsewhere = (path: string) => path.startsWith('/v1/{project_id}/git/');
/** What they need is known to one sender only, or is not on the stage. */
const secretive: readonly string[] = [
  'CreateToken',
  'CreateTemporaryAccessKey',
  'ChangeUser',
  'ChangeCredential',
];
/** Ends the tokens of whoever sends it. */
const ending: readonly string[] = ['ChangePassword'];

const usually = (values: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 15, arbitrary: values },
    { weight: 1, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{1,20}[a-z0-9]$/) },
  );

/** What exists on the stage, and what several members must agree on: bodies get further than to the first id. */
const knownFor =
  (operation: string): Known =>
  (place) => {
    switch (place.split('.').at(-1) ?? '') {
      case 'environment_id':
        return usually(fc.constant(ENVIRONMENT));
      case 'runtime':
        return usually(fc.constantFrom('Tomcat8', 'Nodejs8', 'Php7'));
      case 'flavor_id':
        return usually(fc.constantFrom('MICRO-5G:0.5C:1G', 'CUSTOM-10G:0.5C-0.25C:1.6Gi-0.8Gi'));
      case 'name':
        return operation === 'ChangeInstance' && place === 'name' ? usually(fc.constant('cart')) : undefined;
      case 'refer_resources':
        return fc.subarray([
          { id: CLUSTER, type: 'cce', parameters: { namespace: 'default' } },
          { id: LOAD_BALANCER, type: 'elb' },
        ]);
      case 'kind':
        return fc.constantFrom('artifact', 'artifact', 'artifact', 'code');
      case 'type':
        if (/base_resources/.test(place)) return usually(fc.constantFrom('cce', 'CCE', 'cci', 'ecs', 'as'));
        return /^(artifacts|source)\b/.test(place) ? fc.constant('package') : undefined;
      case 'url':
        return /^(artifacts|source)\b/.test(place)
          ? usually(fc.constant('https://example.org/shop/cart.tgz'))
          : undefined;
      case 'repo_type':
        return fc.constantFrom('GitHub', 'GitLab', 'Gitee', 'Bitbucket', 'DevCloud');
      case 'repo_url':
        return fc.constant('https://git.example.org/shop/cart.git');
      case 'repo_ref':
        return fc.constantFrom('main', 'v1.0.0');
      case 'hosts':
        return fc.constant([HOST]);
      case 'action':
        return operation === 'UpdateInstanceAction'
          ? usually(fc.constantFrom('start', 'stop', 'restart', 'scale', 'rollback'))
          : undefined;
      case 'domain_id':
      case 'parent_id':
      case 'user_id':
        return fc.constant(undefined);
      case 'methods':
        return fc.constant(['password']);
      case 'port':
      case 'forward_port':
        return fc.constant(8080);
      case 'scheduler':
      case 'container_spec':
      case 'lifecycle':
        return fc.constantFrom(undefined, {});
      case 'logs':
      case 'storage':
        return place.startsWith('configuration') ? fc.constantFrom(undefined, []) : undefined;
      default:
        return undefined;
    }
  };

/** Why a body of the right form may be refused all the same. */
const states: readonly (readonly [why: string, says: RegExp])[] = [
  ['a name is taken', /^An? (application|environment|component|instance|project|user) named ".*" .*exists/s],
  ['an address is taken', /^external_accesses names .*, which another instance has/s],
  ['nothing of that id exists', /does not exist in|^Could not find/],
  ['no more than so many', / has 2 access keys, which is the most/],
  ['a word of an open list', /^(flavor_id|runtime) ".*" is not (known|supported)/s],
  ['an action of an open list', /^Field "action" is ".*"; expected start, stop/s],
  ['a type of an open list', /^Base resource .* has type ".*"; expected cce/s],
  ['what cannot change', /cannot be changed; leave \w+ out/],
  ['a member that another one asks for', /^Field ".*" is missing; (a source of kind|expected)/s],
  ['a member that another one excludes', /; with \w+ leave it out/],
  ['parameters that an action asks for', /^Field "parameters.*(missing|expected)/s],
  ['one package for one process', /^artifacts holds \d+ entries; expected one/],
  ['at least one of a list', /would have no base resource/],
  ['nothing to be deployed', /artifacts.* (missing|source)/s],
  ['what this platform does not do', /does nothing|has no effect|cannot build|needs a container driver/],
  ['an address of no package', /^Field ".*\.url" is .*; expected an address that begins with http/s],
  ['an access that cannot be had', /^Field "external_accesses\.(protocol|address)"/],
  ['a strategy that contradicts itself', /"configuration\.strategy\.spec/],
  ['the state of the instance', /^Instance .* (has no|is|cannot)/s],
  [
    'nobody of that name and password',
    /password|decrypt token fail|The request you have made requires authentication|too many/i,
  ],
  ['a token that is none', /^Incorrect IAM authentication information: decrypt token fail/],
  ['a domain that is not the own', /expected the domain|is none of yours/],
];

interface Operation {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly name: string;
}

const isBodied = (method: string): method is Operation['method'] => ['POST', 'PUT', 'PATCH'].includes(method);

function bodiedOperations(stage: Stage): readonly Operation[] {
  const own = ownDocument(stage.api.app);
  return own.operations.flatMap(({ method, path, operation: { operationId: name = '' } }) =>
    isBodied(method) && own.bodySchema(method, path) && !isElsewhere(path) && !ending.includes(name)
      ? [{ method, path, name }]
      : [],
  );
}

const messageOf = (answer: Answer) => String(answer.at('error_msg') ?? answer.at('error', 'message'));

/** The instance is free again for the next body. */
async function settle(stage: Stage, ids: Ids, answer: Answer): Promise<void> {
  const job = answer.at('job_id');
  if (typeof job !== 'string') return;
  await stage.store.write(async (tx) => {
    await endJob(tx, jobId(job), 'succeeded');
    await updateInstance(tx, instanceId(ids['instance_id'] ?? ''), { activity: null, wanted: 'running' });
  });
}

async function sendBodies(
  t: TestContext,
  change: (body: unknown) => fc.Arbitrary<unknown>,
  judge: (operation: Operation, answer: Answer, body: unknown) => void,
): Promise<readonly Operation[]> {
  const stage = await openStage(t);
  const own = ownDocument(stage.api.app);
  const ids = await oneOfEach(stage);
  const operations = bodiedOperations(stage);
  assert.ok(operations.length >= 14);
  const seed = seedOf(t);
  for (const operation of operations) {
    const { method, path, name } = operation;
    const vocabulary = { resolve: (reference: string) => own.resolve(reference), known: knownFor(name) };
    const bodies = valuesOf(own.bodySchema(method, path), vocabulary).chain(change);
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await stage.request(method, filled(path, ids), JSON.stringify(body) ?? '');
        assert.ok(answer.status < 500, answer.raw);
        judge(operation, answer, body);
        await settle(stage, ids, answer);
      }),
      { numRuns: Math.ceil(cases / operations.length), seed },
    );
  }
  return operations;
}

test('bodies that a schema allows are accepted, or refused for a reason that no form can tell', async (t) => {
  const accepted = new Set<string>();
  const operations = await sendBodies(t, fc.constant, ({ name }, answer) => {
    if (answer.status < 300) accepted.add(name);
    else {
      const message = messageOf(answer);
      assert.ok(
        states.some(([, says]) => says.test(message)),
        `${name} ${answer.status}: ${message}`,
      );
    }
  });
  if (!isAll) return;
  const names = operations.map(({ name }) => name).filter((name) => !secretive.includes(name));
  assert.deepEqual([...accepted].filter((name) => names.includes(name)).toSorted(), names.toSorted());
});

/** Refused by the contract's document and taken by the platform; each has a test of its own. */
const lenient: readonly RegExp[] = [
  /\/parameters\/scheme must be equal to one of the allowed values$/, // any case, and empty
  /^\/external_accesses\/\d+\/protocol must match pattern/, // empty
  /^\/configuration\/(logs|storage)\/\d+ must have required property/, // an item of nothing is none
];

test('bodies that the contract refuses are refused', async (t) => {
  let refused = 0;
  await sendBodies(t, mutationsOf, ({ method, path, name }, answer, body) => {
    const refusals = contract.refusals(method, path, withoutNulls(body));
    if (refusals.length === 0) return;
    refused += 1;
    if (answer.status >= 400) return;
    const strict = refusals.filter((refusal) => !lenient.some((rule) => rule.test(refusal)));
    assert.deepEqual(strict, [], `${name} answered ${answer.status} to ${JSON.stringify(body)}`);
  });
  assert.ok(refused > cases / 4, `${refused} of ${cases} bodies were none of the contract's`);
});
