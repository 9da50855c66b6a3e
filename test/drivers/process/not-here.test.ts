import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostId } from '../../../src/domain/ids.ts';
import { never, SLEEP, TestHost } from './test-host.ts';

test('a rollout none of whose replicas belong to this host is an error, not something done', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const gone = { on: 'hosts', hosts: [hostId('gone')] } as const;
  const rollout = host.rollout(SLEEP, { placement: gone });
  await assert.rejects(driver.ensure(rollout, 1, never()), {
    name: 'Problem',
    code: 'targetUnavailable',
    message:
      `No replica of instance ${rollout.instance} belongs to this host this-host; they belong to gone. ` +
      'If such a host is gone, take its place with "openstage hosts replace"; otherwise change the instance to hosts that are there.',
  });
  assert.deepEqual(await driver.observe(rollout.instance), []);
  assert.deepEqual(host.marked(), []);
  // None at all is none here too, and nothing to object to.
  await driver.ensure(rollout, 0, never());
});

test('of a rollout on several hosts this one runs its own replicas alone', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const placement = { on: 'hosts', hosts: [hostId('other'), hostId('this-host')] } as const;
  const rollout = host.rollout(SLEEP, { placement });
  await assert.rejects(driver.ensure(rollout, 1, never()), /No replica of instance/);
  await driver.ensure(rollout, 4, never());
  const ordinals = (await driver.observe(rollout.instance)).map(({ ordinal }) => ordinal);
  assert.deepEqual(ordinals.toSorted(), [1, 3]);
});
