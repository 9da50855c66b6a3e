import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aComponent, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { openStage } from './stage.ts';

test('accesses are answered upper case with what was given; the generated one may come back in a change', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const external_accesses = [{ protocol: 'http', address: 'Cart.Example.org', forward_port: 8080 }];
  const created = await stage.post(at, { ...instanceBody, external_accesses });
  await served(stage, created);
  const one = `${at}/${created.text('instance_id')}`;
  const shown = await stage.get(one);
  assert.deepEqual(
    ['protocol', 'address', 'forward_port', 'type', 'status'].map((name) =>
      shown.at('external_accesses', 0, name),
    ),
    ['HTTP', 'cart.example.org', 8080, 'SPECIFIED', 'NORMAL'],
  );
  const emptied = await stage.put(one, { version: '2', external_accesses: [] });
  await served(stage, emptied, 2);
  const generated = (await stage.get(one)).at('external_accesses', 0);
  assert.equal(Object(generated).type, 'AUTO_GENERATED');
  const returned = await stage.put(one, { version: '3', external_accesses: [generated] });
  assert.equal(returned.status, 200, returned.raw);
  await served(stage, returned, 3);
  const after = await stage.get(one);
  assert.deepEqual(after.each('external_accesses', 'type'), ['AUTO_GENERATED']);
  assert.deepEqual(after.each('external_accesses', 'id'), [created.text('instance_id')]);
});
