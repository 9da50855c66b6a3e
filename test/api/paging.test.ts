import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { openStage, type Stage } from './stage.ts';

const byBytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));

async function manyApplications(stage: Stage, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await stage.post('/applications', { name: `app-${String(n).padStart(3, '0')}` });
}

/** Every list of the contract that has pages, with at least twelve records. */
async function everyList(
  stage: Stage,
): Promise<readonly { readonly at: string; readonly key: string; readonly id: string }[]> {
  await manyApplications(stage, 11);
  const at = await aComponent(stage);
  const components = at.replace(/\/[^/]+\/instances$/, '');
  for (let n = 0; n < 12; n += 1) {
    const name = `part-${String(n).padStart(2, '0')}`;
    await stage.post(components, { name, runtime: 'Tomcat8', category: 'Common' });
    const resources = [{ id: 'c', type: 'cce' }];
    await stage.post('/environments', { name: `env-${n}`, vpc_id: 'v', base_resources: resources });
    await anInstance(stage, at, { name: `web-${n}`, version: `${n % 3}.0` });
  }
  const one = await stage.post(at, { ...instanceBody, name: 'long-lived' });
  await served(stage, one);
  const instance = `${at}/${one.text('instance_id')}`;
  for (let n = 1; n <= 12; n += 1)
    await served(stage, await stage.put(instance, { version: `${n % 2}.${n}` }), n + 1);
  return [
    { at: '/applications', key: 'applications', id: 'id' },
    { at: components, key: 'components', id: 'id' },
    { at: `${components}/overviews`, key: 'components', id: 'id' },
    { at, key: 'instances', id: 'id' },
    { at: '/environments', key: 'environments', id: 'id' },
    { at: `${instance}/snapshots`, key: 'snapshots', id: 'version' },
  ];
}

test('limit and offset follow the contract in every list: odd limits count as 10, 0 is empty with the true count', async (t) => {
  const stage = await openStage(t);
  for (const { at, key, id } of await everyList(stage)) {
    const whole = await stage.get(at);
    const all = whole.each(key, id);
    const count = all.length;
    assert.ok(count >= 12, at);
    assert.equal(whole.at('count'), count);
    const rows: readonly [string, number][] = [
      ['', count],
      ['limit=5', 5],
      ['limit=0', 0],
      ['limit=1', 1],
      ['limit=100', count],
      ['limit=101', 10],
      ['limit=999', 10],
      ['limit=1000', count],
      ['limit=1001', 10],
      ['limit=-1', 10],
      ['limit=-100', 10],
      ['limit=x', 10],
      ['limit=ten', 10],
      ['limit=5.5', 10],
      ['limit=1e1', 10],
      ['limit=%205', 10],
      ['limit=', 10],
      ['limit=99999999999999999999', 10],
      ['limit=3&limit=4', 4],
      ['limit=5&offset=10', Math.min(5, count - 10)],
      ['offset=12', count - 12],
      ['offset=1000', 0],
      ['offset=999999999', 0],
      ['offset=-1', count],
      ['offset=x', count],
      ['offset=', count],
    ];
    for (const [query, length] of rows) {
      const answer = await stage.get(`${at}?${query}`);
      const ids = answer.each(key, id);
      assert.deepEqual(
        [answer.status, ids.length, answer.at('count')],
        [200, length, count],
        `${at}?${query}`,
      );
      const offset = Math.max(0, Number(/offset=(\d+)/.exec(query)?.[1] ?? 0));
      assert.deepEqual(ids, all.slice(offset, offset + length), `${at}?${query}`);
    }
  }
});

test('an unknown order is the default in every list, and an order is taken in any case', async (t) => {
  let now = 1_700_000_000_000;
  const stage = await openStage(t, { now: () => now++ });
  for (const { at, key, id } of await everyList(stage)) {
    const ids = async (query: string) => (await stage.get(`${at}?${query}`)).each(key, id);
    const newest = await ids('');
    for (const query of [
      'order_by=create_time&order=desc',
      'order_by=nonsense',
      'order_by=',
      'order_by=id',
      'order_by=CREATE_TIME',
      'order=up',
      'order=DESC',
    ]) {
      assert.deepEqual(await ids(query), newest, `${at}?${query}`);
    }
    assert.deepEqual(await ids('order=asc'), newest.toReversed(), at);
    assert.deepEqual(await ids('order=ASC'), newest.toReversed(), at);
    if (key === 'snapshots') continue;
    const byName = (await stage.get(`${at}?order_by=name&order=asc`)).each(key, 'name').map(String);
    assert.deepEqual(byName, byName.toSorted(byBytes), at);
    assert.deepEqual(await ids('order_by=name'), (await ids('order_by=name&order=asc')).toReversed(), at);
  }
});

test('snapshots take either name of their order, and the one of their own wins', async (t) => {
  const stage = await openStage(t);
  const lists = await everyList(stage);
  const at = lists.find(({ key }) => key === 'snapshots')?.at ?? '';
  const versions = async (query: string) =>
    (await stage.get(`${at}?${query}`)).each('snapshots', 'version').map(String);
  const byTime = await versions('');
  const byVersion = byTime.toSorted(byBytes);
  assert.notDeepEqual(byVersion, byTime.toReversed());
  assert.deepEqual(await versions('snapshot_order_by=version&order=asc'), byVersion);
  assert.deepEqual(await versions('order_by=version&order=asc'), byVersion);
  assert.deepEqual(await versions('order_by=version'), byVersion.toReversed());
  assert.deepEqual(await versions('snapshot_order_by=create_time&order_by=version'), byTime);
  assert.deepEqual(await versions('snapshot_order_by=name&order_by=version'), byTime);
});

test('pages in any order hold every record once, also where all are as old: then the id decides', async (t) => {
  const stage = await openStage(t, { now: () => 1_700_000_000_000 });
  for (const { at, key, id } of await everyList(stage)) {
    for (const order of ['order_by=name&order=asc', 'order_by=update_time', 'order_by=version', '']) {
      const whole = (await stage.get(`${at}?${order}`)).each(key, id);
      const pages = [];
      for (let offset = 0; ; offset += 5) {
        const page = (await stage.get(`${at}?${order}&limit=5&offset=${offset}`)).each(key, id);
        if (page.length === 0) break;
        pages.push(...page);
      }
      assert.deepEqual(pages, whole, `${at}?${order}`);
      assert.equal(new Set(pages).size, whole.length);
      if (order === '' && key !== 'snapshots') {
        assert.deepEqual(whole, whole.map(String).toSorted(byBytes).toReversed(), at);
      }
    }
  }
});

test('the newest come first unless asc is asked for; an unknown order is the default', async (t) => {
  let now = 1_700_000_000_000;
  const stage = await openStage(t, { now: () => now++ });
  await manyApplications(stage, 3);
  const newest = ['app-002', 'app-001', 'app-000', 'default'];
  for (const query of ['', 'order_by=version', 'order=DESC', 'order=sideways']) {
    assert.deepEqual((await stage.get(`/applications?${query}`)).each('applications', 'name'), newest, query);
  }
  assert.deepEqual(
    (await stage.get('/applications?order=asc')).each('applications', 'name'),
    newest.toReversed(),
  );
});

test('instances are ordered by version too', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  for (const version of ['2.0', '1.0', '3.0'])
    await anInstance(stage, at, { name: `web-${version[0]}`, version });
  const list = await stage.get(`${at}?order_by=version&order=asc&maxWaitTime=5`);
  assert.deepEqual(list.each('instances', 'version'), ['1.0', '2.0', '3.0']);
});
