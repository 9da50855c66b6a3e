import assert from 'node:assert/strict';
import { test } from 'node:test';
import { never, SLEEP, TestHost, until, untilReady, WEB } from './test-host.ts';

for (const point of ['before-spawn', 'after-spawn']) {
  test(`a supervisor killed ${point} leaves one process for one replica`, async (t) => {
    const host = new TestHost(t);
    const driver = await host.driver();
    const rollout = host.rollout(SLEEP);
    const first = host.supervisorPid();
    host.crashAt(point);
    await driver.ensure(rollout, 2, never());
    await until('another supervisor took over', () => host.supervisorPid() !== first);
    await until('both replicas have a process', async () =>
      (await driver.observe(rollout.instance)).every((each) => each.pid !== undefined),
    );
    const pids = (await driver.observe(rollout.instance)).map((each) => each.pid);
    assert.equal(pids.length, 2);
    // A process is written down before it becomes the application.
    await until('both are the application', () => host.marked().length === 2);
    assert.deepEqual(host.marked().toSorted(), pids.toSorted());
  });
}

test('a supervisor killed before it wrote down what it started leaves that one process, without an exit', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  host.crashAt('after-spawn');
  await driver.ensure(rollout, 1, never());
  const [replica] = await untilReady(driver, rollout);
  assert.equal(replica?.restarts, 0);
  assert.equal(replica?.lastExit, undefined);
  assert.deepEqual(host.marked(), [replica?.pid]);
});

for (const point of ['during-retire', 'before-remove']) {
  test(`a supervisor killed ${point} leaves nothing behind`, async (t) => {
    const host = new TestHost(t);
    const driver = await host.driver();
    const rollout = host.rollout(SLEEP);
    await driver.ensure(rollout, 2, never());
    host.crashAt(point);
    await driver.retire(rollout.instance, rollout.number, 0, 5000);
    assert.deepEqual(await driver.observe(), []);
    assert.deepEqual(host.marked(), []);
    assert.deepEqual(host.replicaDirs(), []);
  });
}

test('a removal goes on in the next supervisor although nobody asks again', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(`process.on('SIGTERM', () => {}); ${WEB}`, { graceMs: 300 });
  await driver.ensure(rollout, 1, never());
  await untilReady(driver, rollout);
  const retiring = driver.retire(rollout.instance, rollout.number, 0, 300);
  await until('it is ending', async () => (await driver.observe()).some((each) => each.state === 'stopping'));
  host.killSupervisor();
  driver.close();
  await assert.rejects(retiring);
  const next = await host.open();
  await until('nothing is left', async () => (await next.observe()).length === 0);
  assert.deepEqual(host.marked(), []);
});

test('supervisors killed at random leave each replica one process', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const random = mulberry(seed);
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollouts = Array.from({ length: 3 }, () => host.rollout(SLEEP));
  const counts = rollouts.map(() => 0);
  for (let round = 0; round < 12; round += 1) {
    const at = Math.floor(random() * rollouts.length);
    const rollout = rollouts[at];
    assert.ok(rollout);
    const count = Math.floor(random() * 4);
    const work =
      count > (counts[at] ?? 0)
        ? driver.ensure(rollout, count, never())
        : driver.retire(rollout.instance, rollout.number, count, 2000);
    counts[at] = count;
    const victim = host.supervisorPid();
    for (let turns = Math.floor(random() * 40); turns > 0; turns -= 1) await new Promise(setImmediate);
    process.kill(victim, 'SIGKILL');
    await work;
    await until('another supervisor took over', () => host.supervisorPid() !== victim);
  }
  await until('every replica has a process', async () =>
    (await driver.observe()).every((each) => each.pid !== undefined),
  );
  const seen = await driver.observe();
  assert.deepEqual(
    rollouts.map(({ instance }) => seen.filter((each) => each.instance === instance).length),
    counts,
  );
  await until('every process is the application', () => host.marked().length === seen.length);
  assert.deepEqual(host.marked().toSorted(), seen.map((each) => each.pid).toSorted());
});

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
