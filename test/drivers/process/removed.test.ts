import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { seeProcess } from '../../../src/drivers/process/supervisor/identity.ts';
import { never, TestHost, until, untilReady, WEB } from './test-host.ts';

test('a supervisor whose data directory was removed ends its applications and itself', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  await driver.ensure(rollout, 1, never());
  await untilReady(driver, rollout);
  const pid = host.supervisorPid();
  const [application] = host.marked(rollout.instance);
  assert.ok(application !== undefined);
  driver.close();

  renameSync(host.dataDir, `${host.dataDir}-away`);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.ok(seeProcess(application), 'a directory that was only moved ends nobody');
  rmSync(`${host.dataDir}-away`, { recursive: true });
  mkdirSync(host.dataDir, { mode: 0o711 });
  await until('application and supervisor have ended', () => !seeProcess(application) && !seeProcess(pid));
  // Another one of that name has nothing of it.
  const next = await host.open();
  assert.deepEqual(await next.observe(), []);
});
