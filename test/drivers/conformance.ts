import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Problem } from '../../src/domain/errors.ts';
import { hostId, type InstanceId } from '../../src/domain/ids.ts';
import type { Observed, Rollout } from '../../src/domain/rollout.ts';
import type { Driver } from '../../src/drivers/driver.ts';

/** What a driver's own test brings, so that the same promises are held against every driver. */
export interface Subject {
  readonly driver: Driver;
  /** A new instance's first rollout: an HTTP server on PORT that answers and writes "listening on <port>". */
  rollout(more?: Partial<Rollout>): Rollout;
  /** How many copies of it really run, seen by other means than the driver's. */
  running(rollout: Rollout): Promise<number>;
  /** From here on the engine cannot be reached, nor brought back. */
  cutOff(): Promise<void>;
}

const LIMIT_MS = 30_000;
const never = (): AbortSignal => new AbortController().signal;

export function holdsItsPromises(name: string, open: (test: TestContext) => Promise<Subject>): void {
  const promise = (title: string, body: (subject: Subject, test: TestContext) => Promise<void>): void => {
    void test(`${name}: ${title}`, async (t) => body(await open(t), t));
  };

  promise('what is asked for twice is there once', async ({ driver, rollout, running }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 2, never());
    const first = await ready(driver, wanted, 2);
    await driver.ensure(wanted, 2, never());
    const second = await ready(driver, wanted, 2);
    assert.deepEqual(identities(second), identities(first));
    assert.equal(await running(wanted), 2);
  });

  promise('many calls at once make no more than one would', async ({ driver, rollout, running }) => {
    const wanted = rollout();
    await Promise.all([1, 3, 2, 3, 1].map((count) => driver.ensure(wanted, count, never())));
    await ready(driver, wanted, 3);
    assert.equal(await running(wanted), 3);
  });

  promise('ensure only adds, and leaves what is there alone', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const [first] = await ready(driver, wanted, 1);
    await driver.ensure(wanted, 3, never());
    const more = await ready(driver, wanted, 3);
    assert.deepEqual(ordinals(more), [0, 1, 2]);
    assert.equal(more[0]?.startedAt, first?.startedAt);
    await driver.ensure(wanted, 1, never());
    assert.equal((await driver.observe(wanted.instance)).length, 3);
  });

  promise(
    'retire removes the highest ordinals and keeps the others',
    async ({ driver, rollout, running }) => {
      const wanted = rollout();
      await driver.ensure(wanted, 3, never());
      const before = await ready(driver, wanted, 3);
      await driver.retire(wanted.instance, wanted.number, 1, 5000);
      const after = await driver.observe(wanted.instance);
      assert.deepEqual(identities(after), identities(before).slice(0, 1));
      assert.equal(await running(wanted), 1);
    },
  );

  promise('retire may come twice, at once, and for what never was', async ({ driver, rollout, running }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 2, never());
    await Promise.all([0, 0, 1].map((keep) => driver.retire(wanted.instance, wanted.number, keep, 5000)));
    await driver.retire(wanted.instance, wanted.number, 0, 5000);
    await driver.retire(wanted.instance, 99, 0, 5000);
    assert.deepEqual(await driver.observe(wanted.instance), []);
    assert.equal(await running(wanted), 0);
  });

  promise('two rollouts of one instance live side by side', async ({ driver, rollout }) => {
    const old = rollout();
    const next = { ...old, number: old.number + 1 };
    await driver.ensure(old, 1, never());
    await driver.ensure(next, 1, never());
    await ready(driver, next, 1);
    await driver.retire(old.instance, old.number, 0, 5000);
    const left = await driver.observe(old.instance);
    assert.deepEqual(
      left.map((each) => each.rollout),
      [next.number],
    );
  });

  promise('what was retired can be asked for again', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 2, never());
    const gone = driver.retire(wanted.instance, wanted.number, 1, 5000);
    await driver.ensure(wanted, 2, never());
    await gone;
    await driver.ensure(wanted, 2, never());
    assert.deepEqual(ordinals(await ready(driver, wanted, 2)), [0, 1]);
  });

  promise('another host that takes part is no other content', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const [before] = await ready(driver, wanted, 1);
    const { placement } = wanted;
    const wider = { ...placement, hosts: [...placement.hosts, hostId('another')] };
    await driver.ensure({ ...wanted, placement: wider }, 1, never());
    assert.deepEqual(identities(await driver.observe(wanted.instance)), identities(before ? [before] : []));
  });

  promise('a rollout cannot change its content', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const other = { ...wanted, limits: { ...wanted.limits, cpuMillis: wanted.limits.cpuMillis + 1 } };
    await assert.rejects(driver.ensure(other, 1, never()), Problem);
  });

  promise('observe tells all that run, or those of one instance', async ({ driver, rollout }) => {
    const [one, two] = [rollout(), rollout()];
    await driver.ensure(one, 1, never());
    await driver.ensure(two, 2, never());
    const all = await driver.observe();
    assert.equal(all.filter((each) => each.instance === one.instance).length, 1);
    assert.equal(all.filter((each) => each.instance === two.instance).length, 2);
    assert.equal((await driver.observe(two.instance)).length, 2);
  });

  promise('a ready replica has an address that answers', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const [replica] = await ready(driver, wanted, 1);
    assert.ok(replica?.address);
    const response = await fetch(`http://${replica.address.host}:${replica.address.port}/`);
    assert.equal(response.status, 200);
    assert.equal(replica.state, 'running');
    assert.equal(replica.runtimeVersion, wanted.workload.launch.runtimeVersion);
  });

  promise('logs give the last lines, and none for what never was', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const [replica] = await ready(driver, wanted, 1);
    assert.ok(replica);
    // It listens before it says so, and so may be ready before.
    let lines: readonly string[] = [];
    while (!/listening on \d+/.test(lines.join('\n'))) lines = await read(driver.logs(replica, 10));
    assert.deepEqual(await read(driver.logs({ ...replica, ordinal: 77 }, 10)), []);
  });

  promise('followed logs end when they are told to', async ({ driver, rollout }) => {
    const wanted = rollout();
    await driver.ensure(wanted, 1, never());
    const [replica] = await ready(driver, wanted, 1);
    assert.ok(replica);
    const stop = new AbortController();
    for await (const { text } of driver.logs(replica, 10, stop.signal)) {
      if (text.includes('listening')) stop.abort();
    }
    assert.ok(stop.signal.aborted);
  });

  promise('watch hints at an instance that changed', async ({ driver, rollout }) => {
    const stop = new AbortController();
    const wanted = rollout();
    const heard = firstHint(driver, wanted.instance, stop.signal);
    await driver.ensure(wanted, 1, never());
    assert.equal(await heard, wanted.instance);
    stop.abort();
  });

  promise('a call that is told to stop stops', async ({ driver, rollout }) => {
    await assert.rejects(driver.ensure(rollout(), 1, AbortSignal.abort()));
  });

  promise('an engine that cannot be reached is an error, not an empty list', async ({ driver, cutOff }) => {
    await cutOff();
    await assert.rejects(
      driver.observe(),
      (error) => error instanceof Problem && error.code === 'targetUnavailable',
    );
  });
}

async function firstHint(
  driver: Driver,
  instance: InstanceId,
  stop: AbortSignal,
): Promise<InstanceId | undefined> {
  for await (const hint of driver.watch(stop)) if (hint === instance) return hint;
  return undefined;
}

async function ready(driver: Driver, rollout: Rollout, count: number): Promise<Observed[]> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const seen = (await driver.observe(rollout.instance)).filter((each) => each.rollout === rollout.number);
    if (seen.filter((each) => each.readiness.ready).length === count) {
      return seen.toSorted((a, b) => a.ordinal - b.ordinal);
    }
    if (performance.now() > deadline) throw new Error(`Not ready: ${JSON.stringify(seen)}`);
    await wait(10);
  }
}

async function read(lines: AsyncIterable<{ readonly text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of lines) texts.push(text);
  return texts;
}

const ordinals = (seen: readonly Observed[]): number[] => seen.map((each) => each.ordinal);
const identities = (seen: readonly Observed[]): unknown[] =>
  seen
    .map(({ rollout, ordinal, address, startedAt, pid }) => ({ rollout, ordinal, address, startedAt, pid }))
    .toSorted((a, b) => a.ordinal - b.ordinal);
