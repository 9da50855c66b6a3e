import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import { applications, daemon } from '../crash/processes.ts';
import { FaultStage, pause, until } from './faults-stage.ts';

const SLOW_MS = 4_000;

test('a supervisor that stands still, or is kept away, in the middle of a deployment does not fail it', async (t) => {
  const stage = await FaultStage.start(t);
  const instance = await stage.deploy('still', await stage.package('one'));
  const two = await stage.package('two', SLOW_MS);
  const three = await stage.package('three', SLOW_MS);

  const still = await stage.deployer.send('PUT', instance, { version: '2', artifacts: two });
  await stage.reached(still, 'AWAIT_HEALTHY');
  const goOn = stage.stop('supervisor');
  for (const end = performance.now() + 8_000; performance.now() < end; await pause(500)) {
    await stage.answers(instance);
    assert.match(await stage.page('still'), /^(one|two)$/);
  }
  goOn();
  await stage.succeeded(still);
  assert.equal(await stage.page('still'), 'two');

  const away = await stage.deployer.send('PUT', instance, { version: '3', artifacts: three });
  await stage.reached(away, 'AWAIT_HEALTHY');
  let killed = 0;
  for (const end = performance.now() + 5_000; performance.now() < end; await pause(20)) {
    const pid = daemon('supervisor', stage.victim.dataDir);
    if (pid === undefined) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed += 1;
    } catch {
      // One that found another, and left by itself.
    }
  }
  assert.ok(killed > 0);
  await stage.answers(instance);
  await stage.succeeded(away);
  assert.equal(await stage.page('still'), 'three');
  await until('one replica is left', async () => applications(stage.victim.dataDir).size === 1);
});

test('a proxy that stands still holds no job up for good, and all is well after it', async (t) => {
  const stage = await FaultStage.start(t);
  const instance = await stage.deploy('held', await stage.package('one'));
  const two = await stage.package('two', SLOW_MS);
  const job = await stage.deployer.send('PUT', instance, { version: '2', artifacts: two });
  const goOn = stage.stop('proxy');
  const waiting = stage.page('held').catch((error: unknown) => String(error));
  await pause(SLOW_MS * 2);
  await stage.answers(instance);
  goOn();
  await waiting;
  await stage.succeeded(job);
  assert.equal(await stage.page('held'), 'two');
});

test('a platform that stands still keeps no application from answering, and does nothing twice after it', async (t) => {
  const stage = await FaultStage.start(t);
  const instance = await stage.deploy('frozen', await stage.package('one'));
  const two = await stage.package('two', SLOW_MS);
  const job = await stage.deployer.send('PUT', instance, { version: '2', artifacts: two });
  await stage.reached(job, 'AWAIT_HEALTHY');
  const goOn = stage.stop('platform');
  for (const end = performance.now() + 6_000; performance.now() < end; await pause(100))
    assert.match(await stage.page('frozen'), /^(one|two)$/);
  goOn();
  await stage.succeeded(job);
  assert.equal(await stage.page('frozen'), 'two');
  await until('one replica is left', async () => applications(stage.victim.dataDir).size === 1);
  const snapshots = await stage.deployer.send('GET', `${instance}/snapshots`);
  assert.equal(listOf(memberOf(snapshots, 'snapshots')).length, 1, 'one update was one release');
});
