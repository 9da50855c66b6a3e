import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { openStage, PASSWORD } from './stage.ts';

test('a fault of the store is 503 with Retry-After; the next request works and nothing is half-written', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const { at: one } = await anInstance(stage, at);
  const attempts = [
    () => stage.post('/applications', { name: 'shop' }),
    () => stage.post(at, { ...instanceBody, name: 'other' }),
    () => stage.delete(one),
    () => stage.get('/applications'),
  ];
  for (const attempt of attempts) {
    stage.breakStore(Object.assign(new Error('disk full'), { code: 'ENOSPC' }));
    const answer = await attempt();
    stage.breakStore(undefined);
    assert.equal(answer.problem, '503 SVCSTG.00100503', answer.raw);
    assert.ok(Number(answer.headers['retry-after']) > 0);
  }
  assert.equal((await stage.get(at)).at('count'), 1);
  assert.equal((await stage.get('/applications')).at('count'), 2);
  assert.equal((await stage.post('/applications', { name: 'shop' })).status, 200);
});

test('an unforeseen failure is told by request id only, and logged whole', async (t) => {
  const stage = await openStage(t);
  stage.breakStore(new Error('a mistake of ours at /secret/path'));
  const answer = await stage.post('/applications', { name: 'shop' });
  stage.breakStore(undefined);
  assert.equal(answer.problem, '500 SVCSTG.00100500');
  assert.ok(!answer.raw.includes('mistake') && !answer.raw.includes('/secret'));
  const line = stage.logged.find((text) => text.includes('a mistake of ours'));
  assert.ok(line?.includes(answer.text('request_id')));
});

test('no log line holds a token, a password or the value of a variable', async (t) => {
  const stage = await openStage(t);
  const canary = 'canary-7f3a';
  const at = await aComponent(stage);
  const configuration = { env: [{ name: 'SECRET', value: canary }] };
  await anInstance(stage, at, { configuration });
  await stage.post(at, { ...instanceBody, name: 'BAD', configuration });
  await stage.send({
    method: 'POST',
    url: '/v3/auth/tokens?nocatalog=1',
    payload: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'admin', domain: { name: 'openstage' }, password: PASSWORD } },
        },
      },
    },
  });
  stage.breakStore(new Error('broken'));
  await stage.post(at, { ...instanceBody, name: 'other', configuration });
  stage.breakStore(undefined);
  const log = stage.logged.join('');
  assert.ok(log.length > 500);
  for (const secret of [canary, PASSWORD, stage.token]) assert.ok(!log.includes(secret), secret);
});
