import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { never, TestHost, until, untilReady, WEB } from './test-host.ts';

test('what is stopped after a reboot is not started for it, and the next supervisor starts it', async (t) => {
  const host = new TestHost(t);
  const first = await host.open({ supervisorArgs: ['--boot-id', 'before'] });
  const rollout = host.rollout(WEB);
  const log = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'log');
  const starts = () => readFileSync(log, 'utf8').split('listening on').length - 1;
  await first.ensure(rollout, 1, never());
  await untilReady(first, rollout);
  assert.equal(starts(), 1);
  // As a reboot leaves it: nothing runs, and what was asked for is still there.
  await first.shutdown({ applications: 'stop' });
  await until('all has ended', () => host.marked().length === 0);

  const ending = await host.open({ toEnd: true, supervisorArgs: ['--boot-id', 'after'] });
  await ending.shutdown({ applications: 'stop' });
  assert.equal(starts(), 1, 'it was started in order to be stopped');

  const next = await host.open({ supervisorArgs: ['--boot-id', 'after'] });
  await untilReady(next, rollout);
  assert.equal(starts(), 2);
});
