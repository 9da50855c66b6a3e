import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listAudit } from '../../src/store/audit.ts';
import { aComponent, anInstance } from './builders.ts';
import { sign } from './sign.ts';
import { KEY_PAIR, openStage, PASSWORD } from './stage.ts';

test('a change leaves one line: who, by which key, from where, what, and the job that it opened', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const { instance, job } = await anInstance(stage, at, {
    configuration: { env: [{ name: 'A', value: 'planted-in-a-variable' }] },
  });
  const url = stage.at('/applications');
  const body = '{"name":"signed"}';
  const signed = await stage.send({
    method: 'POST',
    url: `${url}?a=b`,
    headers: {
      ...sign({ ...KEY_PAIR, method: 'POST', url: `${url}?a=b`, body }),
      'content-type': 'application/json',
    },
    payload: body,
    remoteAddress: '10.0.0.9',
  });
  const { items } = await listAudit(stage.store.read, stage.project, { offset: 0 });
  const line = (action: string) => items.find((one) => one.action === action);
  const created = items.find(({ object }) => object === `${url}/${signed.text('id')}`);
  assert.equal(created?.action, 'CreateApplication');
  assert.equal(created?.user, stage.admin);
  assert.equal(created?.credential, KEY_PAIR.access);
  assert.equal(created?.source, '10.0.0.9');
  assert.equal(created?.request, signed.headers['x-request-id']);
  assert.equal(line('CreateInstance')?.object, `${stage.at(at)}/${instance}`);
  assert.equal(line('CreateInstance')?.job, job);
  assert.equal(line('CreateInstance')?.credential, undefined);
  assert.ok(!JSON.stringify(items).includes('planted'));
});

test('sign-ins and changes of users and keys leave their lines too, without a secret', async (t) => {
  const stage = await openStage(t);
  const user = { name: 'admin', password: PASSWORD, domain: { name: 'openstage' } };
  const given = await stage.send({
    method: 'POST',
    url: '/v3/auth/tokens',
    payload: { auth: { identity: { methods: ['password'], password: { user } } } },
  });
  const made = await stage.request('POST', '/v3/users', { user: { name: 'ann', password: 'ann-likes-tea' } });
  const key = await stage.request('POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: {} });
  const rows = await stage.store.read.selectFrom('audit').selectAll().orderBy('time').execute();
  assert.deepEqual(rows.map(({ action }) => action).toSorted(), [
    'CreateCredential',
    'CreateToken',
    'CreateUser',
  ]);
  assert.ok(rows.every(({ user_id }) => user_id === stage.admin));
  const text = JSON.stringify(rows) + stage.logged.join('');
  const secrets = [
    PASSWORD,
    'ann-likes-tea',
    String(given.headers['x-subject-token']),
    key.text('credential', 'secret'),
  ];
  for (const secret of secrets) assert.ok(!text.includes(secret));
  assert.ok(text.includes(made.text('user', 'id')));
});

test('a refused request is logged with its reason', async (t) => {
  const stage = await openStage(t);
  await stage.send({ method: 'GET', url: stage.at('/applications'), headers: { 'x-auth-token': 'made-up' } });
  assert.ok(stage.logged.some((line) => line.includes('"refused"') && line.includes('decrypt token fail')));
});
