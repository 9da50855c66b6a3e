import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostId, instanceId } from '../../src/domain/ids.ts';
import type { Observed } from '../../src/domain/rollout.ts';
import { upsertHost } from '../../src/store/hosts.ts';
import { findInstance } from '../../src/store/instances.ts';
import { HOST } from '../api/stage.ts';
import { RunningStage } from './running-stage.ts';

/** Hosts are in the order of their first start. */
const LATER = 9e12;

const stored = async ({ stage }: RunningStage, one: string) => {
  const instance = await findInstance(stage.store.read, instanceId(one.split('/').at(-1) ?? ''));
  assert.ok(instance);
  return instance;
};

const rollouts = ({ driver }: RunningStage) => [...new Set(driver.asked.map(({ number }) => number))];

test('a failed create keeps its row and its evidence, removes its replicas, and a change may bring it up', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  driver.isBroken = true;
  const created = await running.create();
  const { status, last, tasks } = await running.ended(created);
  const one = `${await running.at()}/${created.text('instance_id')}`;
  assert.equal(status, 'FAILED');
  assert.deepEqual(last, {
    message:
      'Replica 0 exited with code 7 and was started again 3 times. Its last log line: cannot find its configuration',
    failed_task: 'await-healthy',
    exit: 'code 7',
    log: ['cannot find its configuration'],
  });
  assert.deepEqual(
    [tasks['PROVISION_REPLICAS'], tasks['AWAIT_HEALTHY'], tasks['SWITCH_TRAFFIC']],
    ['ROLLBACKED', 'FAILED', 'SKIPPED'],
  );
  assert.equal(driver.replicas.size, 0);
  const shown = await stage.get(one);
  assert.equal(shown.at('status_detail', 'status'), 'FAILED');
  assert.match(shown.text('status_detail', 'fail_detail'), /exited with code 7/);
  driver.isBroken = false;
  assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
  assert.equal(await running.status(one), 'RUNNING');
});

test('a create that failed is started again by a start of what was asked for', async (t) => {
  const running = await RunningStage.open(t);
  running.driver.isBroken = true;
  const created = await running.create();
  await running.ended(created);
  running.driver.isBroken = false;
  const one = `${await running.at()}/${created.text('instance_id')}`;
  assert.equal((await running.act(one, 'start')).status, 'SUCCEEDED');
  assert.equal(await running.status(one), 'RUNNING');
  assert.deepEqual(rollouts(running), [1, 2]);
});

test('a failed change leaves what serves as it was, and its release is no snapshot', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed({ replica: 2 });
  driver.isBroken = true;
  assert.equal((await running.change(one, '2', { replica: 3 })).status, 'FAILED');
  const shown = await stage.get(one);
  assert.deepEqual(
    [shown.at('version'), shown.at('status_detail', 'status'), shown.at('status_detail', 'replica')],
    ['1', 'RUNNING', 2],
  );
  assert.deepEqual(
    [...driver.replicas.values()].map(({ rollout, ordinal }) => `${rollout}/${ordinal}`),
    ['1/0', '1/1'],
  );
  assert.deepEqual((await stage.get(`${one}/snapshots`)).at('snapshots'), []);
  const unknown = await running.asked(one, 'rollback', { version: '2' });
  assert.equal(unknown.problem, '404 SVCSTG.00100436');
});

test('a failed scale leaves count and hosts as they were', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed();
  const before = await stored(running, one);
  driver.isBroken = true;
  const failed = await running.act(one, 'scale', { replica: 3, hosts: [HOST] });
  assert.equal(failed.status, 'FAILED');
  const after = await stored(running, one);
  assert.deepEqual([after.replicas, after.hosts], [1, before.hosts]);
  assert.equal(driver.replicas.size, 1);
  assert.equal(await running.status(one), 'RUNNING');
});

test('a scale down takes the highest ordinals, and neither way makes a rollout or a release', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed();
  const ordinals = () => [...driver.replicas.values()].map(({ rollout, ordinal }) => `${rollout}/${ordinal}`);
  assert.equal((await running.act(one, 'scale', { replica: 3 })).status, 'SUCCEEDED');
  assert.deepEqual(ordinals(), ['1/0', '1/1', '1/2']);
  assert.equal((await running.act(one, 'scale', { replica: 1 })).status, 'SUCCEEDED');
  assert.deepEqual(ordinals(), ['1/0']);
  const { openstage } = Object((await stage.get(one)).body);
  assert.deepEqual([openstage.release, openstage.rollout], [1, 1]);
});

test('an instance of 0 replicas is deployed without waiting for health, shows STOPPED, and is scaled before it is started', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  driver.isBroken = true;
  const one = await running.deployed({ replica: 0 });
  assert.equal(await running.status(one), 'STOPPED');
  assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
  assert.equal((await running.act(one, 'rollback', { version: '1' })).status, 'SUCCEEDED');
  assert.equal(driver.replicas.size, 0);
  for (const action of ['start', 'restart']) {
    const refused = await running.asked(one, action);
    assert.equal(refused.problem, '400 SVCSTG.00100400');
    assert.match(refused.text('error_msg'), /0 replicas.*scale it above 0 first/);
  }
  driver.isBroken = false;
  assert.equal((await running.act(one, 'scale', { replica: 2 })).status, 'SUCCEEDED');
  assert.deepEqual([await running.status(one), driver.replicas.size], ['RUNNING', 2]);
  assert.equal((await running.act(one, 'scale', { replica: 0 })).status, 'SUCCEEDED');
  assert.deepEqual([await running.status(one), driver.replicas.size], ['STOPPED', 0]);
  await running.act(one, 'scale', { replica: 2 });
  assert.equal((await running.act(one, 'stop')).status, 'SUCCEEDED');
  assert.equal(driver.replicas.size, 0);
});

test('start of what runs and stop of what is stopped are jobs of one task without effect; restart of what is stopped is refused', async (t) => {
  const running = await RunningStage.open(t);
  const one = await running.deployed();
  const nothing = { status: 'SUCCEEDED', tasks: { FINISH: 'SUCCEEDED' } };
  const outcome = async (action: string) => {
    const { status, tasks } = await running.act(one, action);
    return { status, tasks };
  };
  assert.deepEqual(await outcome('start'), nothing);
  assert.deepEqual(rollouts(running), [1]);
  assert.equal((await running.act(one, 'stop')).status, 'SUCCEEDED');
  assert.deepEqual([await running.status(one), running.driver.replicas.size], ['STOPPED', 0]);
  assert.deepEqual(await outcome('stop'), nothing);
  const refused = await running.asked(one, 'restart');
  assert.equal(refused.problem, '400 SVCSTG.00100400');
  assert.match(refused.text('error_msg'), /stopped and cannot be restarted; send the action "start"/);
  assert.equal((await running.act(one, 'scale', { replica: 2 })).status, 'SUCCEEDED');
  assert.deepEqual([await running.status(one), running.driver.replicas.size], ['STOPPED', 0]);
  assert.equal((await running.act(one, 'start')).status, 'SUCCEEDED');
  assert.deepEqual([await running.status(one), running.driver.replicas.size], ['RUNNING', 2]);
  assert.equal((await running.act(one, 'restart')).status, 'SUCCEEDED');
  assert.deepEqual(rollouts(running), [1, 2, 3]);
});

test('a start that fails leaves a stopped instance stopped; a change and a rollback start it', async (t) => {
  const running = await RunningStage.open(t);
  const { driver } = running;
  const one = await running.deployed();
  await running.act(one, 'stop');
  driver.isBroken = true;
  assert.equal((await running.act(one, 'start')).status, 'FAILED');
  assert.deepEqual([await running.status(one), driver.replicas.size], ['STOPPED', 0]);
  driver.isBroken = false;
  assert.equal((await running.change(one, '2')).status, 'SUCCEEDED');
  assert.equal(await running.status(one), 'RUNNING');
  await running.act(one, 'stop');
  assert.equal((await running.act(one, 'rollback', { version: '1' })).status, 'SUCCEEDED');
  assert.equal(await running.status(one), 'RUNNING');
});

test('a rollback makes a rollout of the old release, no release, and keeps the present count', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed();
  await running.change(one, '2');
  await running.act(one, 'scale', { replica: 3 });
  assert.equal((await running.act(one, 'rollback', { version: '1' })).status, 'SUCCEEDED');
  const { openstage, status_detail, version } = Object((await stage.get(one)).body);
  assert.deepEqual([version, openstage.release, openstage.rollout, status_detail.replica], ['1', 1, 3, 3]);
  assert.equal(driver.replicas.size, 3);
  const serving = await running.act(one, 'rollback', { version: '1' });
  assert.deepEqual([serving.status, serving.tasks], ['SUCCEEDED', { FINISH: 'SUCCEEDED' }]);
  assert.equal((await running.act(one, 'rollback', { version: '2' })).status, 'SUCCEEDED');
});

test('a description alone is stored without touching replicas; the same version again deploys again', async (t) => {
  const running = await RunningStage.open(t);
  const { stage } = running;
  const one = await running.deployed();
  const described = await running.ended(await stage.put(one, { version: '1', description: 'new' }));
  assert.deepEqual([described.status, described.tasks], ['SUCCEEDED', { FINISH: 'SUCCEEDED' }]);
  assert.equal((await stage.get(one)).at('description'), 'new');
  assert.deepEqual(rollouts(running), [1]);
  assert.equal((await running.ended(await stage.put(one, { version: '1' }))).status, 'SUCCEEDED');
  assert.deepEqual(rollouts(running), [1, 2]);
});

for (const [runtime, sentence] of [
  ['Java8', /OPENSTAGE_JAVA names \/nowhere\/java, which is not a usable java; set it to the path of one/],
  ['Cobol9', /"Cobol9" is not known.*expected one of/],
] as const) {
  test(`${runtime}, which is not on this host, fails the job at its first task, not the request`, async (t) => {
    const running = await RunningStage.open(t);
    const { stage, driver } = running;
    await running.at();
    await stage.store.write((tx) => tx.updateTable('components').set({ runtime }).execute());
    const failed = await running.ended(await running.create());
    assert.deepEqual([failed.status, failed.tasks['CHECK_TARGET']], ['FAILED', 'FAILED']);
    assert.match(failed.message, sentence);
    assert.equal(driver.asked.length, 0);
  });
}

test('where none are picked, replicas go to the hosts of their environment and to no other', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const other = hostId('host-2');
  await stage.store.write((tx) => upsertHost(tx, { id: other, name: 'elsewhere', createTime: LATER }));
  const one = await running.deployed({ replica: 2 });
  assert.deepEqual(driver.asked.at(-1)?.placement.hosts, [HOST]);
  const environment = (await stage.get(one)).text('environment_id');
  const added = await stage.patch(`/environments/${environment}/resources`, {
    add_base_resources: [{ id: other, type: 'ecs' }],
  });
  assert.equal(added.status, 200, added.raw);
  assert.equal((await running.act(one, 'restart')).status, 'SUCCEEDED');
  assert.deepEqual(driver.asked.at(-1)?.placement.hosts, [HOST, other]);
  assert.deepEqual(
    [...driver.replicas.values()].map(({ host }) => host),
    [HOST, other],
  );
});

test('hosts that a scale picks are those that its new replicas go to', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const other = hostId('host-2');
  await stage.store.write((tx) => upsertHost(tx, { id: other, name: 'elsewhere', createTime: LATER }));
  const one = await running.deployed();
  const environment = (await stage.get(one)).text('environment_id');
  await stage.patch(`/environments/${environment}/resources`, {
    add_base_resources: [{ id: other, type: 'ecs' }],
  });
  assert.equal((await running.act(one, 'scale', { replica: 2, hosts: [other] })).status, 'SUCCEEDED');
  assert.deepEqual(driver.asked.at(-1)?.placement.hosts, [other]);
  assert.deepEqual((await stored(running, one)).hosts, [other]);
});

test('who is ended time and again for what it takes is told so though it runs in between, until that is past', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed();
  const startedAt = Date.now();
  const cause = 'its files took 70 MiB, more than the 60 of a replica';
  const lastExit = { signal: 'SIGTERM', causeCode: 'tookTooMuch', cause, at: 1 } as const;
  const shownAfter = async (change: Partial<Observed>) => {
    for (const [name, replica] of driver.replicas) driver.replicas.set(name, { ...replica, ...change });
    await running.look();
    const shown = await stage.get(one);
    return [shown.at('status_detail', 'status'), shown.at('status_detail', 'fail_detail')];
  };
  assert.deepEqual(await shownAfter({ startedAt, lastExit, restarts: 1 }), ['RUNNING', null]);
  assert.deepEqual(await shownAfter({ startedAt, lastExit, restarts: 2 }), [
    'RUNNING',
    `Replica 0 exited with signal SIGTERM, since ${cause}, and was started again 2 times`,
  ]);
  assert.deepEqual(await shownAfter({ startedAt: startedAt - 11 * 60_000, lastExit, restarts: 2 }), [
    'RUNNING',
    null,
  ]);
});
