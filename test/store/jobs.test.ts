import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test, type TestContext } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { instanceId, type InstanceId, type JobId, jobId, taskId } from '../../src/domain/ids.ts';
import type { JobKind } from '../../src/domain/job.ts';
import {
  beat,
  clearDeadLease,
  type Fence,
  holdFence,
  LeaseLost,
  letGo,
  listBlocked,
  listHeld,
  listWaiting,
  releaseLease,
  takeLease,
} from '../../src/store/job-leases.ts';
import {
  describeProblem,
  endJob,
  endWaiting,
  enterUndo,
  moveTasks,
  preempt,
} from '../../src/store/job-progress.ts';
import {
  countTasks,
  findJob,
  findOpenUserJob,
  forgetJobs,
  insertJob,
  listForgettable,
  listTasks,
} from '../../src/store/jobs.ts';
import type { Store } from '../../src/store/open.ts';
import { databases } from './databases.ts';
import { aProject, storeInstance } from './records.ts';

const sign = { now: 2_000, forwardUsedMs: 10, undoUsedMs: 0 };
const anInstance = () => instanceId(randomUUID());
const problem = describeProblem(new Problem('buildFailed', 'It broke.', { exit: 'code 1', log: ['a'] }), 'b');

interface JobChanges {
  readonly instance?: InstanceId;
  readonly kind?: JobKind;
  readonly isInternal?: boolean;
  readonly createTime?: number;
}

async function storeJob(store: Store, changes: JobChanges = {}): Promise<{ id: JobId; isInserted: boolean }> {
  const id = jobId(`JOB${randomUUID()}`);
  const instance = changes.instance ?? anInstance();
  const job = {
    id,
    project: aProject,
    instance,
    kind: 'change-instance',
    plan: { instance, project: aProject, replicas: 1, previousReplicas: 1 },
    isInternal: false,
    createdBy: 'user-1',
    createTime: 1_000,
    ...changes,
  } as const;
  const names = ['a', 'b', 'c', 'finish'];
  const tasks = names.map((name) => ({ id: taskId(`Task-${randomUUID()}`), name }));
  return { id, isInserted: await store.write((tx) => insertJob(tx, job, tasks)) };
}

async function take(store: Store, id: JobId, owner = 'node-1:1'): Promise<Fence | undefined> {
  const [claim] = (await listWaiting(store.read, 100)).filter(({ job }) => job === id);
  if (!claim) return undefined;
  return store.write(async (tx) => (await takeLease(tx, claim, owner, 1_500))?.fence);
}

async function held(store: Store, changes: JobChanges = {}): Promise<{ id: JobId; fence: Fence }> {
  const { id } = await storeJob(store, changes);
  const fence = await take(store, id);
  assert.ok(fence);
  return { id, fence };
}

const tasksOf = async (store: Store, id: JobId) =>
  listTasks(store.read, id, { limit: 20, offset: 0, desc: false });
const statesOf = async (store: Store, id: JobId) => (await tasksOf(store, id)).map(({ state }) => state);

for (const database of databases()) {
  describe(`jobs in ${database.name}`, { concurrency: 4 }, () => {
    const openStore = async (t: TestContext) => (await database.create(t)).open();

    test('a job and its tasks are there at once, the last one running', async (t) => {
      const store = await openStore(t);
      const { id } = await storeJob(store);
      const job = await findJob(store.read, id);
      assert.equal(job?.state, 'running');
      assert.equal(job?.problem, undefined);
      assert.deepEqual(await statesOf(store, id), ['waiting', 'waiting', 'waiting', 'running']);
      assert.equal(await countTasks(store.read, id), 4);
    });

    test('tasks come in pages, ascending or descending; past the end there are none', async (t) => {
      const store = await openStore(t);
      const { id } = await storeJob(store);
      const page = async (limit: number, offset: number, desc: boolean) =>
        (await listTasks(store.read, id, { limit, offset, desc })).map(({ name }) => name);
      assert.deepEqual(await page(2, 1, false), ['b', 'c']);
      assert.deepEqual(await page(3, 0, true), ['finish', 'c', 'b']);
      assert.deepEqual(await page(20, 4, false), []);
    });

    test("at most one user's job is open on an instance; the platform's own may be beside it", async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const results = await Promise.all(Array.from({ length: 6 }, () => storeJob(store, { instance })));
      assert.equal(results.filter(({ isInserted }) => isInserted).length, 1);
      const repair = await storeJob(store, { instance, kind: 'repair-instance', isInternal: true });
      assert.equal(repair.isInserted, true);
      const open = await findOpenUserJob(store.read, instance);
      assert.equal(open?.id, results.find(({ isInserted }) => isInserted)?.id);
    });

    test('of many who take a job at once one gets it', async (t) => {
      const store = await openStore(t);
      const { id } = await storeJob(store);
      const [claim] = await listWaiting(store.read, 10);
      assert.ok(claim);
      const takers = Array.from({ length: 8 }, (_, n) =>
        store.write((tx) => takeLease(tx, claim, `node-${n}:1`, 1_500)),
      );
      const taken = (await Promise.all(takers)).filter((one) => one !== undefined);
      assert.equal(taken.length, 1);
      assert.equal(taken[0]?.fence.epoch, 1);
      assert.deepEqual(
        (await listHeld(store.read, 10)).map(({ job }) => job),
        [id],
      );
    });

    test('two jobs of one instance are never held at once, however they are taken', async (t) => {
      const store = await openStore(t);
      for (let round = 0; round < 5; round += 1) {
        const instance = anInstance();
        await storeJob(store, { instance });
        await storeJob(store, { instance, kind: 'repair-instance', isInternal: true });
        const claims = (await listWaiting(store.read, 100)).filter((claim) => claim.instance === instance);
        assert.equal(claims.length, 2);
        const takers = claims.map((claim, n) =>
          store.write((tx) => takeLease(tx, claim, `node-${n}:1`, 1_500)),
        );
        const taken = (await Promise.allSettled(takers)).filter(
          (one) => one.status === 'fulfilled' && one.value !== undefined,
        );
        assert.equal(taken.length, 1);
      }
    });

    test('a lease that was taken over can write nothing more', async (t) => {
      const store = await openStore(t);
      const { id, fence } = await held(store);
      const [claim] = await listHeld(store.read, 10);
      assert.ok(claim);
      const next = await store.write((tx) => takeLease(tx, claim, 'node-2:1', 1_600));
      assert.equal(next?.fence.epoch, 2);
      const writes = [
        store.write((tx) => holdFence(tx, fence, sign)),
        store.write((tx) => moveTasks(tx, fence, sign, [{ position: 0, to: 'running' }])),
        store.write((tx) => enterUndo(tx, fence, sign, problem)),
        store.write((tx) => endJob(tx, fence, sign, { state: 'succeeded' })),
        store.write((tx) => releaseLease(tx, fence, sign)),
      ];
      for (const result of await Promise.allSettled(writes)) {
        assert.ok(result.status === 'rejected' && result.reason instanceof LeaseLost);
      }
      assert.equal(await store.write((tx) => beat(tx, fence, 'node-1:1', sign)), 'lost');
      assert.deepEqual(await statesOf(store, id), ['waiting', 'waiting', 'waiting', 'running']);
    });

    test('a sign of life between look and take keeps the lease', async (t) => {
      const store = await openStore(t);
      const { fence } = await held(store);
      const [claim] = await listHeld(store.read, 10);
      assert.ok(claim);
      assert.equal(await store.write((tx) => beat(tx, fence, 'node-1:1', sign)), 'held');
      assert.equal(await store.write((tx) => takeLease(tx, claim, 'node-2:1', 1_600)), undefined);
    });

    test('a transition is one write, may be repeated, and keeps the order of states', async (t) => {
      const store = await openStore(t);
      const { id, fence } = await held(store);
      const pass = () =>
        store.write((tx) =>
          moveTasks(tx, fence, sign, [
            { position: 0, to: 'succeeded' },
            { position: 1, to: 'running', owner: 'node-1:1' },
          ]),
        );
      await assert.rejects(pass(), /Task 0 of job .* cannot become succeeded/);
      await store.write((tx) => moveTasks(tx, fence, sign, [{ position: 0, to: 'running' }]));
      await pass();
      await pass();
      assert.deepEqual(await statesOf(store, id), ['succeeded', 'running', 'waiting', 'running']);
      assert.equal((await tasksOf(store, id))[1]?.owner, 'node-1:1');
    });

    test('a failure closes what ran and what waits; its end is told by the last task', async (t) => {
      const store = await openStore(t);
      const { id, fence } = await held(store);
      await store.write((tx) => moveTasks(tx, fence, sign, [{ position: 0, to: 'running' }]));
      await store.write((tx) =>
        moveTasks(tx, fence, sign, [
          { position: 0, to: 'succeeded' },
          { position: 1, to: 'running' },
        ]),
      );
      await store.write((tx) => enterUndo(tx, fence, sign, problem));
      assert.equal((await findJob(store.read, id))?.phase, 'undo');
      assert.deepEqual(await statesOf(store, id), ['succeeded', 'failed', 'skipped', 'running']);
      await store.write((tx) => moveTasks(tx, fence, sign, [{ position: 0, to: 'undone' }]));
      await store.write((tx) => endJob(tx, fence, sign, { state: 'failed', problem }));
      const tasks = await tasksOf(store, id);
      assert.deepEqual(
        tasks.map(({ state }) => state),
        ['undone', 'failed', 'skipped', 'failed'],
      );
      const messages = { message: 'It broke.', failed_task: 'b', exit: 'code 1', log: ['a'] };
      assert.deepEqual(JSON.parse(tasks[1]?.messages ?? ''), messages);
      assert.deepEqual(JSON.parse(tasks[3]?.messages ?? ''), messages);
      const job = await findJob(store.read, id);
      assert.deepEqual(job?.problem, { code: 'buildFailed', ...messages });
      assert.equal(job?.endTime, sign.now);
      assert.deepEqual(await listHeld(store.read, 10), []);
    });

    test('a pre-empted job has ended, but its worker keeps the instance until it lets go', async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const { id, fence } = await held(store, { instance });
      const reason = new Problem('preempted', 'Deleted by admin.');
      const ended = await store.write((tx) => preempt(tx, instance, reason, { now: 3_000 }));
      assert.deepEqual(ended, [id]);
      assert.deepEqual(await statesOf(store, id), ['skipped', 'skipped', 'skipped', 'failed']);
      await assert.rejects(
        store.write((tx) => holdFence(tx, fence, sign)),
        LeaseLost,
      );
      assert.equal(await store.write((tx) => beat(tx, fence, 'node-1:1', sign)), 'ended');
      const next = await storeJob(store, { instance, kind: 'delete-instance' });
      assert.equal(await take(store, next.id), undefined);
      assert.deepEqual(
        (await listBlocked(store.read, 10)).map(({ job }) => job),
        [next.id],
      );
      await store.write((tx) => letGo(tx, id, 'node-2:1'));
      assert.equal(await take(store, next.id), undefined);
      await store.write((tx) => letGo(tx, id, 'node-1:1'));
      assert.ok(await take(store, next.id));
    });

    test("only the platform's own jobs make way for a user's", async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const user = await storeJob(store, { instance });
      const repair = await storeJob(store, { instance, kind: 'repair-instance', isInternal: true });
      const reason = new Problem('preempted', 'It made way.');
      const ended = await store.write((tx) =>
        preempt(tx, instance, reason, { now: 3_000, onlyInternal: true }),
      );
      assert.deepEqual(ended, [repair.id]);
      assert.equal((await findJob(store.read, user.id))?.state, 'running');
    });

    test('the hold of a dead worker on an ended job is cleared, that of a living one is not', async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const { fence } = await held(store, { instance });
      await store.write((tx) => preempt(tx, instance, new Problem('preempted', 'Gone.'), { now: 3_000 }));
      const [seen] = await listHeld(store.read, 10);
      assert.ok(seen && !seen.isOpen);
      await store.write((tx) => beat(tx, fence, 'node-1:1', sign));
      await store.write((tx) => clearDeadLease(tx, seen));
      const [again] = await listHeld(store.read, 10);
      assert.ok(again);
      await store.write((tx) => clearDeadLease(tx, again));
      assert.deepEqual(await listHeld(store.read, 10), []);
    });

    test('a waiting job can be ended without being taken, but only while it is kept waiting', async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const { id } = await held(store, { instance });
      await store.write((tx) => preempt(tx, instance, new Problem('preempted', 'Gone.'), { now: 3_000 }));
      const next = await storeJob(store, { instance });
      const [blocked] = await listBlocked(store.read, 10);
      assert.ok(blocked);
      await store.write((tx) => letGo(tx, id, 'node-1:1'));
      assert.equal(await store.write((tx) => endWaiting(tx, blocked, problem, 4_000)), false);
      assert.ok(await take(store, next.id));
    });

    test('ended jobs are forgotten, but not the last one of an instance that lives', async (t) => {
      const store = await openStore(t);
      const end = async (instance: InstanceId) => {
        const { id, fence } = await held(store, { instance });
        await store.write((tx) => endJob(tx, fence, sign, { state: 'succeeded' }));
        return id;
      };
      const living = await store.write((tx) => storeInstance(tx));
      const old = await end(living.id);
      const last = await end(living.id);
      const gone = await end(anInstance());
      const open = await storeJob(store);
      await store.write((tx) =>
        tx.updateTable('instances').set({ last_job_id: last }).where('id', '=', living.id).execute(),
      );
      assert.deepEqual(await listForgettable(store.read, sign.now, 10), []);
      const forgettable = await listForgettable(store.read, sign.now + 1, 10);
      assert.deepEqual([...forgettable].toSorted(), [old, gone].toSorted());
      await store.write((tx) => forgetJobs(tx, forgettable));
      assert.equal(await findJob(store.read, old), undefined);
      assert.equal(await countTasks(store.read, gone), 0);
      for (const id of [last, open.id]) assert.ok(await findJob(store.read, id));
    });

    test('what is kept of a failure is bounded', () => {
      const log = Array.from({ length: 1_000 }, (_, n) => `${n} ${'x'.repeat(5_000)}`);
      const kept = describeProblem(new Problem('neverHealthy', 'm'.repeat(50_000), { log }), 'a');
      assert.equal(kept.log.length, 50);
      assert.ok(kept.log.at(-1)?.startsWith('999 '));
      assert.ok(JSON.stringify(kept).length < 60_000);
    });
  });
}
