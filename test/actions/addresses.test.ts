import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningStage } from './running-stage.ts';

const lastBuild = ({ driver }: RunningStage) => driver.asked.at(-1)?.workload.build;

test('an address is resolved anew by a change, and by nothing else; a rollback runs the very bytes of then', async (t) => {
  const running = await RunningStage.open(t);
  const { stage } = running;
  const one = await running.deployed();
  const first = lastBuild(running);
  await running.upload('1', 'other bytes under the same address');
  for (const [action, parameters] of [
    ['restart', undefined],
    ['scale', { replica: 2 }],
    ['stop', undefined],
    ['start', undefined],
  ] as const) {
    assert.equal((await running.act(one, action, parameters)).status, 'SUCCEEDED');
    assert.equal(lastBuild(running), first, action);
  }
  assert.equal((await running.ended(await stage.put(one, { version: '2' }))).status, 'SUCCEEDED');
  const second = lastBuild(running);
  assert.notEqual(second, first);
  await stage.request('DELETE', running.packageUrl('1'));
  assert.equal((await running.act(one, 'rollback', { version: '1' })).status, 'SUCCEEDED');
  assert.equal(lastBuild(running), first);
  assert.equal((await running.act(one, 'rollback', { version: '2' })).status, 'SUCCEEDED');
  assert.equal(lastBuild(running), second);
  const gone = await stage.put(one, { version: '3' });
  assert.equal(
    gone.problem,
    '400 SVCSTG.00100425',
    'an own package that is not there is refused at the request',
  );
});

test("without artifacts of its own an instance follows its component's source, and shows none", async (t) => {
  const running = await RunningStage.open(t);
  const { stage } = running;
  const component = (await running.at()).replace(/\/instances$/, '');
  const source = async (version: string) => {
    const spec = { ...(await running.upload(version)).web, auth: 'iam' };
    const changed = await stage.put(component, { source: { kind: 'artifact', spec } });
    assert.equal(changed.status, 200, changed.raw);
  };
  await source('1');
  const one = await running.deployed({ artifacts: undefined });
  assert.deepEqual((await stage.get(one)).at('artifacts'), {});
  const first = lastBuild(running);
  await source('2');
  assert.equal((await running.ended(await stage.put(one, { version: '2' }))).status, 'SUCCEEDED');
  const second = lastBuild(running);
  assert.notEqual(second, first);
  assert.equal((await running.change(one, '3')).status, 'SUCCEEDED');
  const own = lastBuild(running);
  await source('4');
  assert.equal((await running.ended(await stage.put(one, { version: '4' }))).status, 'SUCCEEDED');
  assert.equal(lastBuild(running), own, 'once it has its own, it keeps to them');
});
