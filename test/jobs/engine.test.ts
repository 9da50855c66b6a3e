import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test, type TestContext } from 'node:test';
import { Problem } from '../../src/domain/errors.ts';
import { instanceId } from '../../src/domain/ids.ts';
import { systemClock } from '../../src/jobs/clock.ts';
import { createEngine, type Engine } from '../../src/jobs/engine.ts';
import type { Kind } from '../../src/jobs/kind.ts';
import { stopReason } from '../../src/jobs/kind.ts';
import type { EngineLimits } from '../../src/jobs/limits.ts';
import { openJob, randomJobIds } from '../../src/jobs/open-job.ts';
import { preempt } from '../../src/store/job-progress.ts';
import { findJob, listTasks } from '../../src/store/jobs.ts';
import type { Store } from '../../src/store/open.ts';
import { databases } from '../store/databases.ts';
import { aProject } from '../store/records.ts';
import { aPlan, ended, type Script, scriptedKind, submit, taskStates, type Trace } from './scripted-kind.ts';
import { until } from './until.ts';

const quick: Partial<EngineLimits> = {
  heartbeatMs: 20,
  firstRetryMs: 1,
  lastRetryMs: 5,
  scanMs: 10,
  stopMs: 2_000,
};
const silent = { info: () => {}, warn: () => {}, error: () => {} };

const anInstance = () => instanceId(randomUUID());

interface Running {
  readonly kinds: readonly Kind<Script[]>[];
  readonly limits?: Partial<EngineLimits>;
  readonly node?: string;
}

function start(t: TestContext, store: Store, { kinds, limits, node = 'node-1' }: Running): Engine {
  const engine = createEngine<Script[]>({
    store,
    clock: systemClock,
    node,
    run: randomUUID(),
    kinds,
    parts: [],
    log: silent,
    limits: { ...quick, ...limits },
  });
  engine.start();
  t.after(() => engine.stop());
  return engine;
}

const hangUntilStopped: Script = ({ stop }) =>
  new Promise((_, reject) => stop.addEventListener('abort', () => reject(stop.reason), { once: true }));

/** A task that goes on whatever it is told, until the test lets it. */
function deaf(): { script: Script; finish: () => void; begun: Promise<void> } {
  const finished = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  return {
    script: () => {
      begun.resolve();
      return finished.promise;
    },
    finish: () => finished.resolve(),
    begun: begun.promise,
  };
}

for (const database of databases()) {
  describe(`the engine on ${database.name}`, { concurrency: 4 }, () => {
    const openStore = async (t: TestContext) => (await database.create(t)).open();

    test('a job runs its tasks in order and ends with its last task', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const kind = scriptedKind([{ name: 'a' }, { name: 'b' }, { name: 'c' }], trace);
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      const job = await ended(store.read, id);
      assert.equal(job.state, 'succeeded');
      assert.deepEqual(trace, ['run a', 'run b', 'run c', 'succeeded']);
      assert.deepEqual(await taskStates(store.read, id), {
        a: 'succeeded',
        b: 'succeeded',
        c: 'succeeded',
        finish: 'succeeded',
      });
    });

    test('each task that began names the worker that ran it, none that did not', async (t) => {
      const store = await openStore(t);
      const refuse = () => Promise.reject(new Problem('invalid', 'It cannot be done.'));
      const kind = scriptedKind([{ name: 'a' }, { name: 'b', run: refuse }, { name: 'c' }], []);
      const engine = start(t, store, { kinds: [kind], node: 'node-7' });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      await ended(store.read, id);
      const tasks = await listTasks(store.read, id, { limit: 100, offset: 0, desc: false });
      const owners = tasks.map(({ name, owner }) => [name, owner.split(':')[0]]);
      assert.deepEqual(owners, [
        ['a', 'node-7'],
        ['b', 'node-7'],
        ['c', ''],
        ['finish', 'node-7'],
      ]);
    });

    test('a job without tasks of its own has its one task and succeeds', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const kind = scriptedKind([], trace, { name: 'no-effect' });
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      assert.deepEqual(await taskStates(store.read, id), { finish: 'running' });
      engine.wake();
      await ended(store.read, id);
      assert.deepEqual(await taskStates(store.read, id), { finish: 'succeeded' });
    });

    test('a new job begins when the engine is woken, not when it next scans', async (t) => {
      const store = await openStore(t);
      const kind = scriptedKind([{ name: 'a' }], []);
      const engine = start(t, store, { kinds: [kind], limits: { scanMs: 3_600_000 } });
      for (let n = 0; n < 3; n += 1) {
        const id = await submit(store, kind, anInstance());
        engine.wake();
        await ended(store.read, id);
      }
    });

    test('a Problem fails the job: what had begun is undone backwards, the evidence stays', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const noop: Script = () => Promise.resolve();
      const kind = scriptedKind(
        [
          { name: 'check' },
          { name: 'provision', undo: noop },
          {
            name: 'await',
            undo: noop,
            run: () => {
              throw new Problem('neverHealthy', 'It never answered.', {
                exit: 'code 3',
                log: ['one', 'two'],
              });
            },
          },
          { name: 'switch', undo: noop },
        ],
        trace,
      );
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      const job = await ended(store.read, id);
      assert.deepEqual(trace, [
        'run check',
        'run provision',
        'run await',
        'undo await',
        'undo provision',
        'failed: It never answered.',
      ]);
      assert.deepEqual(await taskStates(store.read, id), {
        check: 'succeeded',
        provision: 'undone',
        await: 'undone',
        switch: 'skipped',
        finish: 'failed',
      });
      assert.equal(job.problem?.code, 'neverHealthy');
      const tasks = await listTasks(store.read, id, { limit: 20, offset: 0, desc: false });
      const expected = {
        message: 'It never answered.',
        failed_task: 'await',
        exit: 'code 3',
        log: ['one', 'two'],
      };
      for (const position of [2, 4]) assert.deepEqual(JSON.parse(tasks[position]?.messages ?? ''), expected);
    });

    test('past the point of no return a failure undoes nothing', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const noop: Script = () => Promise.resolve();
      const kind = scriptedKind(
        [
          { name: 'switch', undo: noop, pointOfNoReturn: true },
          {
            name: 'retire',
            undo: noop,
            run: () => Promise.reject(new Problem('targetUnavailable', 'Gone.')),
          },
        ],
        trace,
      );
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      assert.equal((await ended(store.read, id)).state, 'failed');
      assert.deepEqual(trace, ['run switch', 'run retire', 'failed, not undone: Gone.']);
      assert.deepEqual(await taskStates(store.read, id), {
        switch: 'succeeded',
        retire: 'failed',
        finish: 'failed',
      });
    });

    test('from the beginning of the point of no return on, its own failure undoes nothing either', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const noop: Script = () => Promise.resolve();
      const lost: Script = () => Promise.reject(new Problem('neverHealthy', 'Lost.'));
      const tasks = [
        { name: 'provision', undo: noop },
        { name: 'switch', run: lost, undo: noop, pointOfNoReturn: true },
      ];
      const kind = scriptedKind(tasks, trace);
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      assert.equal((await ended(store.read, id)).state, 'failed');
      assert.deepEqual(trace, ['run provision', 'run switch', 'failed, not undone: Lost.']);
    });

    test('what passes by itself is waited for, but in the first task only for a while', async (t) => {
      const store = await openStore(t);
      const away = () => new Problem('targetUnavailable', 'Away.', {}, { isPassing: true });
      let left = 20;
      const passing: Script = () => {
        left -= 1;
        return left > 0 ? Promise.reject(away()) : Promise.resolve();
      };
      const later = scriptedKind([{ name: 'first' }, { name: 'second', run: passing }], []);
      const first = scriptedKind([{ name: 'first', run: () => Promise.reject(away()) }], [], {
        name: 'start-instance',
      });
      const limits = { attempts: 2, patienceMs: 50 };
      const engine = start(t, store, { kinds: [later, first], limits });
      const good = await submit(store, later, anInstance());
      const bad = await submit(store, first, anInstance());
      engine.wake();
      assert.equal((await ended(store.read, good)).state, 'succeeded');
      const { problem } = await ended(store.read, bad);
      assert.deepEqual([problem?.code, problem?.message], ['targetUnavailable', 'Away.']);
    });

    test('an unexpected error is tried again, and fails the job when it goes on', async (t) => {
      const store = await openStore(t);
      let failures = 0;
      const flaky: Script = () => {
        failures += 1;
        if (failures < 3) throw new Error('refused');
        return Promise.resolve();
      };
      const kind = scriptedKind([{ name: 'flaky', run: flaky }], []);
      const broken = scriptedKind([{ name: 'broken', run: () => Promise.reject(new Error('refused')) }], [], {
        name: 'start-instance',
      });
      const engine = start(t, store, { kinds: [kind, broken], limits: { attempts: 4 } });
      const good = await submit(store, kind, anInstance());
      const bad = await submit(store, broken, anInstance());
      engine.wake();
      assert.equal((await ended(store.read, good)).state, 'succeeded');
      const { problem } = await ended(store.read, bad);
      assert.equal(problem?.code, 'taskFailed');
      assert.equal(problem?.message, 'The task "broken" failed 4 times; the last time: refused');
    });

    test('a store or network that is away is no reason to fail, however often', async (t) => {
      const store = await openStore(t);
      let left = 20;
      const run: Script = () => {
        left -= 1;
        return left > 0 ? Promise.reject(new Problem('unavailable', 'Try again.')) : Promise.resolve();
      };
      const kind = scriptedKind([{ name: 'a', run }], []);
      const engine = start(t, store, { kinds: [kind], limits: { attempts: 2 } });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      assert.equal((await ended(store.read, id)).state, 'succeeded');
    });

    test('a job whose time is used up is undone and fails', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const kind = scriptedKind(
        [{ name: 'slow', run: hangUntilStopped, undo: () => Promise.resolve() }],
        trace,
      );
      const engine = start(t, store, { kinds: [kind], limits: { forwardMs: 300 } });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      const { problem } = await ended(store.read, id);
      assert.equal(problem?.code, 'deadlinePassed');
      assert.match(problem?.message ?? '', /used up in the task "slow"/);
      assert.ok(trace.includes('undo slow'));
    });

    test('an undo that fails is told, and the tasks before it are undone all the same', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const kind = scriptedKind(
        [
          { name: 'a', undo: () => Promise.resolve() },
          { name: 'b', undo: () => Promise.reject(new Problem('targetUnavailable', 'No answer.')) },
          { name: 'c', run: () => Promise.reject(new Problem('buildFailed', 'Broken.')) },
        ],
        trace,
      );
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      const { problem } = await ended(store.read, id);
      assert.equal(
        problem?.message,
        "Broken. Not undone: b (No answer.); the platform's repair puts it right.",
      );
      assert.deepEqual(trace.slice(3), ['undo b', 'undo a', `failed, not undone: ${problem?.message}`]);
    });

    test('a stopped engine leaves its job to the next run, which goes on from the task where it was', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      let isFirst = true;
      let reason: string | undefined;
      const run: Script = async (context) => {
        if (!isFirst) return;
        isFirst = false;
        await hangUntilStopped(context).finally(() => (reason = stopReason(context.stop)));
      };
      const kind = scriptedKind([{ name: 'a' }, { name: 'b', run }, { name: 'c' }], trace);
      const first = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      first.wake();
      await until('b to run', () => trace.includes('run b'));
      await first.stop();
      assert.equal(reason, 'shutdown');
      assert.equal((await findJob(store.read, id))?.state, 'running');
      // Another node: were the lease not given back, it would wait for 10 s.
      start(t, store, { kinds: [kind], node: 'node-2', limits: { leaseMs: 3_600_000 } });
      await ended(store.read, id);
      assert.deepEqual(trace, ['run a', 'run b', 'run b', 'run c', 'succeeded']);
    });

    test('jobs of a dead run of the same node are taken at once, those of a silent node after the lease', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const kind = scriptedKind([{ name: 'a' }], trace);
      const ids = [];
      for (const owner of ['node-1:before', 'node-2:before']) {
        const id = await submit(store, kind, anInstance());
        await store.write((tx) =>
          tx.updateTable('jobs').set({ lease_owner: owner }).where('id', '=', id).execute(),
        );
        ids.push(id);
      }
      const [own, foreign] = ids;
      assert.ok(own !== undefined && foreign !== undefined);
      const first = start(t, store, { kinds: [kind], limits: { leaseMs: 3_600_000 } });
      await ended(store.read, own);
      await first.stop();
      assert.equal((await findJob(store.read, foreign))?.state, 'running');
      start(t, store, { kinds: [kind], limits: { leaseMs: 50 } });
      await ended(store.read, foreign);
      assert.deepEqual(trace, ['run a', 'succeeded', 'run a', 'succeeded']);
    });

    test('a pre-empted job stops, writes nothing more, and the next begins when its task is over', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const { script, finish, begun } = deaf();
      let written: unknown;
      const kind = scriptedKind(
        [
          {
            name: 'deaf',
            run: async (context) => {
              await script(context);
              written = await context
                .write(() => Promise.resolve('written'))
                .catch((error: unknown) => error);
              trace.push(`stopped: ${stopReason(context.stop)}`);
            },
            undo: () => Promise.resolve(),
          },
        ],
        trace,
      );
      const deletion = scriptedKind([{ name: 'remove' }], trace, { name: 'delete-instance' });
      const engine = start(t, store, { kinds: [kind, deletion] });
      const instance = anInstance();
      const id = await submit(store, kind, instance);
      engine.wake();
      await begun;
      const problem = new Problem('preempted', 'Deleted by admin.');
      await store.write((tx) => preempt(tx, instance, problem, { now: Date.now() }));
      const next = await submit(store, deletion, instance);
      engine.wake();
      assert.equal((await findJob(store.read, id))?.problem?.message, 'Deleted by admin.');
      assert.deepEqual(await taskStates(store.read, id), { deaf: 'failed', finish: 'failed' });
      // Several scans pass; the deletion must not begin while the task is at work.
      await until('scans', async () => {
        await submit(store, scriptedKind([], trace, { name: 'no-effect' }), anInstance());
        const { count } = await store.read
          .selectFrom('jobs')
          .select((select) => select.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        return count > 6;
      });
      assert.deepEqual(trace, ['run deaf']);
      finish();
      await ended(store.read, next);
      assert.deepEqual(trace, ['run deaf', 'stopped: preempted', 'run remove', 'succeeded']);
      assert.notEqual(written, 'written');
    });

    test('a task that ignores its deadline fails the job, undoes nothing, and holds back the next job', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const { script, finish } = deaf();
      const kind = scriptedKind([{ name: 'deaf', run: script, undo: () => Promise.resolve() }], trace);
      const after = scriptedKind([{ name: 'b' }], trace, { name: 'start-instance' });
      const engine = start(t, store, { kinds: [kind, after], limits: { forwardMs: 1_000, settleMs: 100 } });
      const instance = anInstance();
      const id = await submit(store, kind, instance);
      engine.wake();
      const { problem } = await ended(store.read, id);
      assert.match(problem?.message ?? '', /The task "deaf" did not stop within/);
      const next = await submit(store, after, instance);
      engine.wake();
      const other = await submit(store, after, anInstance());
      engine.wake();
      await ended(store.read, other);
      assert.equal((await findJob(store.read, next))?.state, 'running');
      finish();
      await ended(store.read, next);
      assert.deepEqual(
        trace.filter((line) => line.startsWith('run') || line.startsWith('undo')),
        ['run deaf', 'run b', 'run b'],
      );
    });

    test('a job that waits in vain for a task that never stops fails, and says what to do', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const { script, finish } = deaf();
      const kind = scriptedKind([{ name: 'deaf', run: script }], trace);
      const limits = { forwardMs: 1_000, settleMs: 100, blockedMs: 200, stopMs: 1 };
      const engine = start(t, store, { kinds: [kind], limits });
      const instance = anInstance();
      const id = await submit(store, kind, instance);
      engine.wake();
      await ended(store.read, id);
      const next = await submit(store, kind, instance);
      const { problem } = await ended(store.read, next);
      assert.match(problem?.message ?? '', /Restart the platform/);
      assert.deepEqual(await taskStates(store.read, next), { deaf: 'skipped', finish: 'failed' });
      finish();
    });

    test('a kind or a task that nobody knows any more fails the job with a sentence', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const known = scriptedKind([{ name: 'a', undo: () => Promise.resolve() }], trace);
      const before = scriptedKind([{ name: 'a' }, { name: 'old' }], trace);
      const gone = scriptedKind([{ name: 'a' }], trace, { name: 'scale-instance' });
      const first = await submit(store, before, anInstance());
      const second = await submit(store, gone, anInstance());
      start(t, store, { kinds: [known] });
      assert.match((await ended(store.read, first)).problem?.message ?? '', /task "old", which this version/);
      assert.match(
        (await ended(store.read, second)).problem?.message ?? '',
        /kind "scale-instance", which this version/,
      );
      assert.ok(!trace.includes('run a'));
    });

    test('at most `parallel` jobs are under way at once, and all have their turn', async (t) => {
      const store = await openStore(t);
      let now = 0;
      let most = 0;
      const run: Script = async () => {
        now += 1;
        most = Math.max(most, now);
        await until('three at once', () => most >= 3);
        now -= 1;
      };
      const kind = scriptedKind([{ name: 'a', run }], []);
      const ids = await Promise.all(Array.from({ length: 30 }, () => submit(store, kind, anInstance())));
      start(t, store, { kinds: [kind], limits: { parallel: 3 } });
      for (const id of ids) await ended(store.read, id);
      assert.equal(most, 3);
    });

    test("the platform's own job makes way for a user's", async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const repair = scriptedKind([{ name: 'mend', run: hangUntilStopped }], trace, {
        name: 'repair-instance',
      });
      const change = scriptedKind([{ name: 'a' }], trace);
      const engine = start(t, store, { kinds: [repair, change] });
      const instance = anInstance();
      const mending = await submit(store, repair, instance);
      engine.wake();
      await until('the repair to begin', () => trace.includes('run mend'));
      const id = await submit(store, change, instance);
      engine.wake();
      assert.equal((await ended(store.read, id)).state, 'succeeded');
      assert.equal((await findJob(store.read, mending))?.problem?.code, 'preempted');
    });

    test('what a task says of itself is shown while it runs', async (t) => {
      const store = await openStore(t);
      const { script, finish } = deaf();
      const kind = scriptedKind(
        [
          {
            name: 'a',
            run: (context) => {
              context.progress('2 of 3 replicas are healthy');
              return script(context);
            },
          },
        ],
        [],
      );
      const engine = start(t, store, { kinds: [kind] });
      const id = await submit(store, kind, anInstance());
      engine.wake();
      await until('the message', async () => {
        const [task] = await listTasks(store.read, id, { limit: 1, offset: 0, desc: false });
        return task?.messages === '2 of 3 replicas are healthy';
      });
      finish();
      await ended(store.read, id);
    });

    test('a kind that fails at the end of its job fails the job; one that fails at that too lets it end', async (t) => {
      const store = await openStore(t);
      const trace: Trace = [];
      const taken = scriptedKind([{ name: 'a', undo: () => Promise.resolve() }], trace, {
        succeeded: () => Promise.reject(new Problem('nameTaken', 'The name is gone.')),
      });
      const broken = scriptedKind([{ name: 'b' }], [], {
        name: 'start-instance',
        succeeded: () => Promise.reject(new TypeError('no such column')),
        failed: () => Promise.reject(new TypeError('no such column')),
      });
      start(t, store, { kinds: [taken, broken], limits: { attempts: 2 } });
      const first = await submit(store, taken, anInstance());
      const second = await submit(store, broken, anInstance());
      assert.equal((await ended(store.read, first)).problem?.message, 'The name is gone.');
      assert.deepEqual(trace, ['run a', 'undo a', 'failed: The name is gone.']);
      assert.match(
        (await ended(store.read, second)).problem?.message ?? '',
        /could not be recorded: no such column/,
      );
    });

    test('jobs survive a store that fails every few statements', async (t) => {
      const files = await database.create(t);
      let statements = 0;
      let isFaulty = false;
      const store = await files.open({
        tap: () => {
          statements += 1;
          if (isFaulty && statements % 61 === 0)
            throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
        },
      });
      const kind = scriptedKind([{ name: 'a' }, { name: 'b' }, { name: 'c' }], []);
      const ids = [];
      for (let n = 0; n < 10; n += 1) ids.push(await submit(store, kind, anInstance()));
      isFaulty = true;
      start(t, store, { kinds: [kind], limits: { parallel: 4 } });
      const clear = await files.open();
      for (const id of ids) assert.equal((await ended(clear.read, id)).state, 'succeeded');
      isFaulty = false;
    });

    test('a second job of a user on a busy instance is refused, naming the first', async (t) => {
      const store = await openStore(t);
      const instance = anInstance();
      const kind = scriptedKind([{ name: 'a' }], []);
      const id = await submit(store, kind, instance);
      await assert.rejects(submit(store, kind, instance), (error: unknown) => {
        assert.ok(error instanceof Problem && error.code === 'instanceBusy');
        assert.match(error.message, new RegExp(id));
        return true;
      });
      const attempts = await Promise.allSettled(
        Array.from({ length: 5 }, (_, n) =>
          store.write((tx) =>
            openJob(tx, {
              kind: 'start-instance',
              plan: aPlan(instance),
              project: aProject,
              instance: instanceId(`of five-${instance}`),
              createdBy: `user-${n}`,
              ids: randomJobIds,
              taskNames: ['a'],
              now: 1,
            }),
          ),
        ),
      );
      assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const attempt of attempts) {
        if (attempt.status === 'rejected')
          assert.ok(attempt.reason instanceof Problem && attempt.reason.code === 'instanceBusy');
      }
    });
  });
}
