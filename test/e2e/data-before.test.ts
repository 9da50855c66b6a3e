import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import { Victim } from '../crash/victim.ts';
import { BEFORE, dataBefore } from './data-before.ts';
import { Deployer } from './deployer.ts';

test('what the version before deployed scales, is repaired, restarts and rolls back, also under another grace', async (t) => {
  const dataDir = dataBefore();
  const victim = new Victim(dataDir, undefined);
  t.after(async () => {
    await victim.kill('SIGTERM');
    spawnSync(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    removeData(dataDir);
  });
  await victim.start(undefined, ['--stop-grace', '3s']);
  const { ingressUrl } = victim.platform;
  const deployer = await Deployer.open(dataDir);
  const [running, stopped, upgraded] = [BEFORE.running, BEFORE.stopped, BEFORE.upgraded].map(
    (path) => `${deployer.cas}/applications/904bcf50-9b5c-4ebc-857b-a3f885ffe8c8/${path}`,
  );
  assert.ok(running && stopped && upgraded);
  const says = async (name: string) => (await askApp(ingressUrl, `${name}.default.localhost`)).text;
  const replicas = async (path: string) =>
    listOf(memberOf(memberOf(await deployer.send('GET', path), 'openstage'), 'replicas'));
  for (const until = Date.now() + 60_000; (await says('running')) !== '1 hello';) {
    assert.ok(Date.now() < until, 'it runs as it did');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  const act = async (path: string, action: string, parameters?: unknown) => {
    const { status, message } = await deployer.act(path, action, parameters);
    assert.equal(status, 'SUCCEEDED', `${action}: ${message}`);
  };
  await act(running, 'scale', { replica: 2 });
  const [pid] = (await replicas(running)).map((replica) => memberOf(replica, 'pid'));
  assert.equal(await says('running'), '1 hello');

  // A second change of the grace, and a replica that is gone without a trace: only repair brings it back.
  await victim.kill('SIGTERM');
  await victim.start(victim.platform, ['--stop-grace', '4s']);
  await act(running, 'scale', { replica: 3 });
  assert.equal(memberOf((await replicas(running))[0], 'pid'), pid, 'what ran was left alone');

  await act(upgraded, 'rollback', { version: '1' });
  assert.equal(await says('upgraded'), '1 hello');
  await act(upgraded, 'rollback', { version: '3' });
  assert.equal(await says('upgraded'), '3 hello');
  await act(upgraded, 'restart');
  await act(stopped, 'start');
  assert.equal(await says('stopped'), '1 hello');
});
