import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Rollout } from '../../../src/domain/rollout.ts';
import { VERSION } from '../../../src/drivers/process/supervisor/protocol.ts';
import { socketPath } from '../../../src/drivers/process/supervisor/socket-path.ts';
import { HOST, never, TestHost, until, untilReady, WEB } from './test-host.ts';

/** As protocol 3 asked for it and `replica.json` held it: workload and placement in pieces on the rollout itself. */
function inFormBefore({ workload, placement, ...same }: Rollout): object {
  const { build, launch } = workload;
  const { hosts, user } = placement;
  return { ...same, hosts, ...(user !== undefined && { user }), build, launch };
}

test('a replica that the version before wrote down is adopted as it runs, and its rollout can grow', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB, { variables: { GREETING: 'hello' } });
  await driver.ensure(rollout, 1, never());
  const [before] = await untilReady(driver, rollout);
  const file = join(host.dataDir, 'replicas', rollout.instance, '1-0', 'replica.json');
  const written = recordIn(readFileSync(file, 'utf8'), 'rollout');
  assert.ok(!('launch' in written), 'it is the present form that is replaced');
  writeFileSync(file, JSON.stringify({ rollout: inFormBefore(rollout), ordinal: 0, host: HOST }));
  const victim = host.supervisorPid();
  host.killSupervisor();
  await until('another supervisor took over', () => host.supervisorPid() !== victim);
  const after = await until('it is seen', async () => (await driver.observe())[0]);
  assert.equal(after?.pid, before?.pid);
  await driver.ensure(rollout, 2, never());
  assert.equal((await untilReady(driver, rollout, 2)).length, 2);
});

test('what a platform of the version before asks for is started', async (t) => {
  const host = new TestHost(t);
  const driver = await host.driver();
  const rollout = host.rollout(WEB);
  const socket = connect(socketPath(host.dataDir));
  await once(socket, 'connect');
  const say = async (id: number, call: object): Promise<string> => {
    socket.write(`${JSON.stringify({ id, call })}\n`);
    const [answer] = await once(socket, 'data');
    return String(answer);
  };
  assert.match(await say(1, { op: 'hello', version: VERSION - 1 }), /"ok"/);
  const asked = { op: 'ensure', rollout: inFormBefore(rollout), ordinals: [0], host: HOST };
  assert.match(await say(2, asked), /"id":2,"ok"/);
  socket.destroy();
  const [replica] = await untilReady(driver, rollout);
  assert.equal(replica?.runtimeVersion, rollout.workload.launch.runtimeVersion);
  // A platform of this version names the same content.
  await driver.ensure(rollout, 1, never());
});

function recordIn(text: string, member: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  assert.ok(typeof found === 'object' && found !== null);
  return { ...found };
}
