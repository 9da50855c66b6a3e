import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../jobs/until.ts';
import { RunningStage } from './running-stage.ts';

test('a component in deletion shows so, keeps neither its name nor its application, and is gone with its instances', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver, collector } = running;
  const one = await running.deployed();
  const component = one.replace(/\/instances\/.*/, '');
  const application = component.replace(/\/components\/.*/, '');
  const components = component.replace(/\/[^/]*$/, '');
  await running.engine.stop();
  assert.equal((await stage.delete(`${component}?force=true`)).status, 204);
  assert.equal((await stage.get(component)).at('status'), 1);
  const again = await stage.post(components, { name: 'cart', runtime: 'Custom', category: 'Common' });
  assert.equal(again.status, 200, again.raw);
  assert.equal((await stage.delete(`${components}/${again.text('id')}`)).status, 204);
  assert.equal((await stage.delete(application)).status, 204);
  running.restart();
  await until('its replicas to be gone', () => driver.replicas.size === 0);
  await until('its row to be gone', async () => {
    await collector.collect();
    return (await stage.store.read.selectFrom('components').select('id').execute()).length === 0;
  });
});

test('deleting a component deletes its instances although the target cannot be reached and a deletion is open', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const one = await running.deployed();
  const component = one.replace(/\/instances\/.*/, '');
  await running.engine.stop();
  driver.isReachable = false;
  const first = await stage.delete(one);
  assert.equal((await stage.delete(`${component}?force=true`)).status, 204);
  running.restart();
  assert.equal((await running.ended(first)).status, 'FAILED');
  await until('its instance to be gone', async () => {
    const rows = stage.store.read.selectFrom('instances').select('id').where('delete_time', 'is', null);
    return (await rows.execute()).length === 0;
  });
});

test('a component with hundreds of instances is deleted batch by batch, and again after it was interrupted', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  await running.engine.stop();
  const instances = await running.at();
  const artifacts = await running.upload('1');
  for (let n = 0; n < 120; n += 1) await running.create({ name: `web-${n}`, artifacts });
  const component = instances.replace(/\/instances$/, '');
  const jobsOpen = async () =>
    (await stage.store.read.selectFrom('jobs').select('id').where('kind', '=', 'delete-instance').execute())
      .length;
  let writes = 0;
  const write = stage.store.write.bind(stage.store);
  // The first batch is committed, the second one is lost.
  Object.assign(stage.store, {
    write: (work: Parameters<typeof write>[0]) => {
      writes += 1;
      return writes === 3 ? Promise.reject(new Error('the store is gone')) : write(work);
    },
  });
  // What was done before it failed is in the audit, which the stage expects of answers below 300 alone.
  const headers = { 'x-auth-token': stage.token };
  const url = stage.at(`${component}?force=true`);
  assert.equal((await stage.api.app.inject({ method: 'DELETE', url, headers })).statusCode, 500);
  const after = await jobsOpen();
  assert.ok(after > 0 && after < 120, `${after} deletions were opened`);
  assert.equal((await stage.post(instances, { name: 'late' })).status >= 400, true);
  Object.assign(stage.store, { write });
  assert.equal((await stage.delete(`${component}?force=true`)).status, 204);
  assert.equal(await jobsOpen(), 120);
  running.restart();
  await until('all to be gone', async () => {
    const rows = stage.store.read.selectFrom('instances').select('id').where('delete_time', 'is', null);
    return driver.replicas.size === 0 && (await rows.execute()).length === 0;
  });
});
