import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance } from './builders.ts';
import { openStage, type Stage } from './stage.ts';

async function manyApplications(stage: Stage, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await stage.post('/applications', { name: `app-${String(n).padStart(3, '0')}` });
}

test('limit and offset follow the contract: odd limits count as 10, 0 is empty with the true count', async (t) => {
  const stage = await openStage(t);
  await manyApplications(stage, 11);
  const rows: readonly [string, number][] = [
    ['', 12],
    ['limit=5', 5],
    ['limit=0', 0],
    ['limit=100', 12],
    ['limit=101', 10],
    ['limit=999', 10],
    ['limit=1000', 12],
    ['limit=1001', 10],
    ['limit=-1', 10],
    ['limit=x', 10],
    ['limit=5.5', 10],
    ['limit=', 10],
    ['limit=99999999999999999999', 10],
    ['limit=3&limit=4', 4],
    ['limit=5&offset=10', 2],
    ['offset=12', 0],
    ['offset=999999999', 0],
    ['offset=-1', 12],
    ['offset=x', 12],
  ];
  for (const [query, length] of rows) {
    const answer = await stage.get(`/applications?${query}`);
    assert.deepEqual(
      [answer.status, answer.each('applications', 'id').length, answer.at('count')],
      [200, length, 12],
      query,
    );
  }
});

test('pages in any order hold every record once', async (t) => {
  const stage = await openStage(t, { now: () => 1_700_000_000_000 });
  await manyApplications(stage, 9);
  for (const order of ['order_by=name&order=asc', 'order_by=update_time', 'order_by=nonsense&order=up', '']) {
    const whole = (await stage.get(`/applications?${order}`)).each('applications', 'id');
    const pages = [];
    for (let offset = 0; ; offset += 3) {
      const page = (await stage.get(`/applications?${order}&limit=3&offset=${offset}`)).each(
        'applications',
        'id',
      );
      if (page.length === 0) break;
      pages.push(...page);
    }
    assert.deepEqual(pages, whole, order);
    assert.equal(new Set(pages).size, 10);
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
