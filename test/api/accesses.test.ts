import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceId, projectId } from '../../src/domain/ids.ts';
import { claimHosts } from '../../src/store/host-claims.ts';
import { listRoutable } from '../../src/store/routable.ts';
import { aComponent, instanceBody } from './builders.ts';
import { served } from './end-job.ts';
import { INVALID, refuseAll } from './refuse-all.ts';
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

test('an access that was given without an address keeps its port and id when it comes back with the one it got', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const created = await stage.post(at, { ...instanceBody, external_accesses: [{ forward_port: 9000 }] });
  await served(stage, created);
  const one = `${at}/${created.text('instance_id')}`;
  const before = await stage.get(one);
  const shown = Object(before.at('external_accesses', 0));
  assert.deepEqual(
    [shown.type, shown.address, shown.forward_port],
    ['AUTO_GENERATED', before.at('openstage', 'host_name'), 9000],
  );
  const { id: _, ...withoutId } = shown;
  for (const [version, access] of [
    ['2', shown],
    ['3', withoutId],
  ] as const) {
    const changed = await stage.put(one, { version, external_accesses: [access] });
    assert.equal(changed.status, 200, changed.raw);
    await served(stage, changed, Number(version));
    const after = Object((await stage.get(one)).at('external_accesses', 0));
    assert.deepEqual({ ...after, update_time: 0 }, { ...shown, update_time: 0 });
  }
});

test('a part of a host may be another instance of the project, and of no other project', async (t) => {
  const stage = await openStage(t);
  const at = await aComponent(stage);
  const claiming = (name: string, address: string) =>
    stage.post(at, {
      ...instanceBody,
      name,
      external_accesses: [{ protocol: 'HTTP', address, forward_port: 8080 }],
    });
  const whole = await claiming('whole', 'shop.example.org');
  const login = await claiming('login', 'Shop.example.org/Login/');
  assert.deepEqual([whole.status, login.status], [200, 200], login.raw);
  const shown = (await stage.get(`${at}/${login.text('instance_id')}`)).at('external_accesses', 0);
  assert.equal(Object(shown).address, 'shop.example.org/Login/');
  assert.equal(Object(shown).type, 'SPECIFIED');
  await served(stage, login);
  const routes = await listRoutable(stage.store.read);
  assert.deepEqual(routes.find(({ id }) => id === login.text('instance_id'))?.prefixes, [
    { host: 'shop.example.org', path: '/Login' },
  ]);
  assert.match(
    (await claiming('again', 'shop.example.org/Login')).text('error_msg'),
    /which another instance has/,
  );
  const claim = {
    instance: instanceId('stranger'),
    project: projectId('other'),
    hosts: ['shop.example.org/api'],
  };
  const owners = await stage.store.write((tx) => claimHosts(tx, claim));
  assert.notEqual(owners.get('shop.example.org/api'), 'stranger');
});

test('an access that the ingress cannot give is refused with the reason', async (t) => {
  const stage = await openStage(t);
  const path = await aComponent(stage);
  const refused = (access: object, says: RegExp) => ({
    path,
    body: { ...instanceBody, external_accesses: [access] },
    problem: INVALID,
    says,
  });
  await refuseAll(stage, [
    refused(
      { protocol: 'https', address: 'a.example.org' },
      /"HTTPS", but the ingress .* listens with HTTP alone; send HTTP/,
    ),
    refused({ address: 'a.example.org/a/../b' }, /a path without empty parts/),
    refused({ address: 'a.example.org//b' }, /a path without empty parts/),
    refused({ address: 'a.example.org/a?b' }, /"external_accesses\[0\]\.address"/),
  ]);
});
