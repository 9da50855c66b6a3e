import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { jobId } from '../../src/domain/ids.ts';
import { findJob } from '../../src/store/jobs.ts';
import { updateUser } from '../../src/store/users.ts';
import { systemClock } from '../../src/jobs/clock.ts';
import { PushFollower } from '../../src/reconcile/push-follower.ts';
import { aComponent, instanceBody } from '../api/builders.ts';
import { endJob, served } from '../api/end-job.ts';
import { openStage, type Answer, type Stage } from '../api/stage.ts';
import { gitCaller } from './git-caller.ts';
import { recordedHost, type RecordedHost } from './recorded-host.ts';

const SECRET = 'a secret of the hook';
const REPOSITORY = 'https://code.example.org/shop/cart.git';

interface Ground {
  readonly stage: Stage;
  readonly recorded: RecordedHost;
  /** A delivery as GitHub signs it. */
  push(changes?: {
    branch?: string;
    sha?: string;
    secret?: string;
    event?: string;
    ref?: string;
  }): Promise<Answer>;
  /** Opens what is due; answers how many jobs are open then. */
  follow(): Promise<number>;
  hook(): Promise<Answer>;
}

/** A platform with a GitHub authorization, and a hook of shop/cart that leads to it. */
async function ground(t: TestContext): Promise<Ground> {
  const recorded = await recordedHost(t);
  const stage = await openStage(t, { git: { reach: recorded.reach } });
  const api = '/api/v3';
  recorded.expect(
    { ask: 'GET /api/v1/version', status: 404 },
    { ask: `GET ${api}/user`, answer: { login: 'ann' } },
    {
      ask: `GET ${api}/repos/shop/cart`,
      answer: { name: 'cart', full_name: 'shop/cart', clone_url: REPOSITORY },
    },
    { ask: `POST ${api}/repos/shop/cart/hooks`, status: 201, answer: { id: 7 } },
  );
  const auth = { name: 'gh', token: 'ghp-secret', host: recorded.url };
  assert.equal((await gitCaller(stage).post('/auths/github/personal', auth)).status, 200);
  const url = `https://openstage.example/v1/${stage.project}/git/push/cart`;
  const hook = await gitCaller(stage, 'gh').post('/repos/shop/cart/hooks', { url, secret: SECRET });
  assert.equal(hook.status, 200, hook.raw);
  recorded.done();
  const follower = new PushFollower({
    services: stage.services,
    clock: systemClock,
    log: { info: () => {}, warn: () => {} },
  });
  return {
    stage,
    recorded,
    push({ branch = 'main', sha = 'c0ffee00', secret = SECRET, event = 'push', ref } = {}) {
      const payload = JSON.stringify({
        ref: ref ?? `refs/heads/${branch}`,
        after: sha,
        repository: { default_branch: 'main' },
      });
      const signature = createHmac('sha256', secret).update(payload).digest('hex');
      return stage.send({
        method: 'POST',
        url: `/v1/${stage.project}/git/push/cart`,
        headers: {
          'content-type': 'application/json',
          'x-github-event': event,
          'x-hub-signature-256': `sha256=${signature}`,
        },
        payload,
      });
    },
    async follow() {
      await follower.look();
      return openJobs(stage).then((ids) => ids.length);
    },
    hook: () => gitCaller(stage).get('/push/cart'),
  };
}

async function openJobs(stage: Stage): Promise<readonly string[]> {
  const rows = await stage.store.read
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'running')
    .execute();
  return rows.map(({ id }) => id);
}

/** An instance that serves what its component's code was. */
async function fromCode(
  stage: Stage,
  name: string,
  spec: object = {},
  changes: object = {},
): Promise<string> {
  const source = { kind: 'code', spec: { repo_type: 'GitHub', repo_url: REPOSITORY, ...spec } };
  const at = await aComponent(stage, name, { source });
  const { artifacts: _, ...body } = instanceBody;
  const accepted = await stage.post(at, { ...body, name, ...changes });
  assert.equal(accepted.status, 200, accepted.raw);
  await served(stage, accepted);
  return `${at}/${accepted.text('instance_id')}`;
}

test('a signed push upgrades the instances of its repository and branch, and no others', async (t) => {
  const { stage, recorded, push, follow, hook } = await ground(t);
  const followers = [
    await fromCode(stage, 'main-one', { repo_ref: 'main' }),
    await fromCode(stage, 'whole-ref', {
      repo_ref: 'refs/heads/main',
      repo_url: 'https://code.example.org/Shop/Cart',
    }),
    await fromCode(stage, 'no-ref'),
  ];
  const others = [
    await fromCode(stage, 'dev-one', { repo_ref: 'dev' }),
    await fromCode(stage, 'elsewhere', {
      repo_ref: 'main',
      repo_url: 'https://code.example.org/other/cart.git',
    }),
    await fromCode(stage, 'own-package', { repo_ref: 'main' }, { artifacts: instanceBody.artifacts }),
  ];
  const answer = await push();
  assert.deepEqual(answer.body, { instances: 3 }, answer.raw);
  assert.equal(await follow(), 3);
  for (const one of followers) {
    const shown = await stage.get(one);
    assert.equal(shown.at('status_detail', 'status'), 'UPGRADING', one);
    assert.equal(shown.at('version'), '1.0.0');
    const job = await findJob(stage.store.read, jobId(shown.text('status_detail', 'last_job_id')));
    assert.equal(job?.kind, 'change-instance');
    assert.equal(job?.createdBy, stage.admin);
  }
  for (const one of others)
    assert.equal((await stage.get(one)).at('status_detail', 'status'), 'RUNNING', one);
  assert.equal((await hook()).at('repository'), `${recorded.url}/shop/cart`);
  assert.equal((await hook()).at('delivery'), 'A push to main; 3 instances follow.');
});

test('pushes while a job is open become one later change', async (t) => {
  const { stage, push, follow } = await ground(t);
  const at = await fromCode(stage, 'web', { repo_ref: 'main' });
  await push({ sha: 'aaaaaaaa' });
  assert.equal(await follow(), 1);
  for (let index = 0; index < 40; index++) await push({ sha: `bbbbbb${10 + index}` });
  assert.equal(await follow(), 1, 'the open job is waited for');
  const [first = ''] = await openJobs(stage);
  await stage.store.write((tx) => endJob(tx, jobId(first), 'failed'));
  assert.equal(await follow(), 1);
  const [second = ''] = await openJobs(stage);
  assert.notEqual(second, first);
  await stage.store.write((tx) => endJob(tx, jobId(second), 'failed'));
  assert.equal(await follow(), 0, 'forty pushes were one change');
  assert.equal((await stage.get(at)).status, 200);
});

test('two that look at once open one job', async (t) => {
  const { stage, push } = await ground(t);
  await fromCode(stage, 'web', { repo_ref: 'main' });
  await push();
  const log = { info: () => {}, warn: () => {} };
  const looks = [1, 2, 3].map(() =>
    new PushFollower({ services: stage.services, clock: systemClock, log }).look(),
  );
  await Promise.all(looks);
  assert.equal((await openJobs(stage)).length, 1);
  const waiting = await stage.store.read.selectFrom('git_pushes').selectAll().execute();
  assert.deepEqual(waiting, []);
});

test('a push that cannot be followed keeps no other waiting, is tried ever less often, and in the end its hook says why', async (t) => {
  const { stage, push, hook } = await ground(t);
  const bad = await fromCode(stage, 'bad', { repo_ref: 'main' });
  await fromCode(stage, 'good', { repo_ref: 'other' });
  await stage.store.write((tx) =>
    tx
      .updateTable('releases')
      .set({ content_json: '{"poison": true}' })
      .where('instance_id', '=', bad.split('/').at(-1) ?? '')
      .execute(),
  );
  await push();
  await push({ branch: 'other' });
  const waiting = async () =>
    (await stage.store.read.selectFrom('git_pushes').select('branch').execute()).map(({ branch }) => branch);
  assert.deepEqual((await waiting()).sort(), ['main', 'other']);

  let pastMs = 0;
  let told = 0;
  const clock = { ...systemClock, monotonic: () => pastMs };
  const log = { info: () => {}, warn: () => (told += 1) };
  const follower = new PushFollower({ services: stage.services, clock, log });
  await follower.look();
  assert.equal((await openJobs(stage)).length, 1, 'the other is followed');
  assert.deepEqual(await waiting(), ['main'], 'the poisonous one is tried again');

  // Half an hour and more, in the pace of the follower.
  for (; pastMs < 60 * 60_000 && (await waiting()).length > 0; pastMs += 2_000) await follower.look();
  assert.deepEqual(await waiting(), [], 'it is over');
  assert(told <= 10, `told ${told} times`);
  assert(pastMs > 5 * 60_000, `given up after ${pastMs / 1_000} s`);
  assert.match(
    (await hook()).text('delivery'),
    /could not follow the push to main: .*releases\.content_json/,
  );

  await push();
  assert.deepEqual(await waiting(), ['main'], 'a later push is taken');
});

test('what was stopped stays stopped', async (t) => {
  const { stage, push, follow } = await ground(t);
  const at = await fromCode(stage, 'web', { repo_ref: 'main' });
  await push();
  const stopped = await stage.post(`${at}/action`, { action: 'stop' });
  await stage.store.write(async (tx) => {
    await tx.updateTable('instances').set({ wanted: 'stopped', activity: null }).execute();
    await endJob(tx, jobId(stopped.text('job_id')), 'succeeded');
  });
  assert.equal(await follow(), 0);
  assert.deepEqual((await push()).body, { instances: 0 });
});

test('an unsigned, a wrongly signed and an unknown delivery change nothing', async (t) => {
  const { stage, push, follow } = await ground(t);
  await fromCode(stage, 'web', { repo_ref: 'main' });
  const wrong = await push({ secret: 'not the secret of it' });
  assert.equal(wrong.problem, '401 APIG.0301');
  const url = (id: string) => `/v1/${stage.project}/git/push/${id}`;
  const bare = (id: string, payload: string) =>
    stage.send({ method: 'POST', url: url(id), headers: { 'content-type': 'application/json' }, payload });
  assert.equal((await bare('cart', '{}')).problem, '401 APIG.0301');
  assert.equal((await bare('cart', '')).problem, '401 APIG.0301');
  assert.equal((await bare('none', '{}')).problem, '404 SVCSTG.REPO.0404');
  assert.equal((await bare('cart', 'x'.repeat(11 * 1024 * 1024))).status, 413);
  assert.equal(await follow(), 0);
  // Tags, pings and deleted branches are no pushes.
  for (const nothing of [{ event: 'ping' }, { ref: 'refs/tags/v1' }, { sha: '0'.repeat(40) }])
    assert.deepEqual((await push(nothing)).body, { instances: 0 });
  assert.equal(await follow(), 0);
  assert.ok(!stage.logged.join('\n').includes(SECRET), 'the log holds a secret');
  const rows = await stage.store.read.selectFrom('git_hooks').selectAll().execute();
  assert.ok(!JSON.stringify(rows).includes(SECRET), 'the store holds a secret in the clear');
});

test('nothing follows once the maker of the hook is gone', async (t) => {
  const { stage, push, follow, hook } = await ground(t);
  await fromCode(stage, 'web', { repo_ref: 'main' });
  await push();
  await stage.store.write((tx) => updateUser(tx, stage.admin, { isEnabled: false }));
  assert.equal(await follow(), 0);
  assert.equal((await push()).problem, '403 APIG.0302');
  await stage.store.write((tx) => updateUser(tx, stage.admin, { isEnabled: true }));
  assert.match((await hook()).text('delivery'), /^Nothing follows: admin, who made the hook/);
});

test('the name of a hook belongs to one repository', async (t) => {
  const { stage, recorded } = await ground(t);
  const url = `https://openstage.example/v1/${stage.project}/git/push/cart`;
  recorded.expect({
    ask: 'GET /api/v3/repos/shop/other',
    answer: { name: 'other', full_name: 'shop/other', clone_url: 'https://code.example.org/shop/other.git' },
  });
  const git = gitCaller(stage, 'gh');
  const other = await git.post('/repos/shop/other/hooks', { url, secret: SECRET });
  assert.equal(other.problem, '400 SVCSTG.REPO.0403', other.raw);
  const odd = await git.post('/repos/shop/cart/hooks', { url: `${url}/more`, secret: SECRET });
  assert.equal(odd.problem, '400 SVCSTG.REPO.0400');
  recorded.done();
});
