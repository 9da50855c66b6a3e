import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceBody } from './builders.ts';
import { openStage, type Stage } from './stage.ts';

/** The application of that name and the address of the instances of its component. */
async function anApplication(stage: Stage, name: string) {
  const application = (await stage.post('/applications', { name })).text('id');
  const component = await stage.post(`/applications/${application}/components`, {
    name: 'cart',
    runtime: 'Tomcat8',
    category: 'Common',
  });
  const own = `/applications/${application}`;
  return { own, instances: `${own}/components/${component.text('id')}/instances` };
}

test("an instance's host is computed once, is its own, and is told apart by its id where the name is taken", async (t) => {
  const stage = await openStage(t);
  const first = await anApplication(stage, 'Shop_EU');
  const second = await anApplication(stage, 'shop-eu');
  const create = async (at: string, changes: object = {}) => {
    const answer = await stage.post(at, { ...instanceBody, ...changes });
    assert.equal(answer.status, 200, answer.raw);
    const id = answer.text('instance_id');
    return { id, host: async () => (await stage.get(`${at}/${id}`)).text('openstage', 'host_name') };
  };
  const plain = await create(first.instances);
  // A name is there once in an environment; another application's instance may only be called alike elsewhere.
  const access = { external_accesses: [{ address: 'web-2.shop-eu.localhost' }] };
  const claimant = await create(second.instances, { name: 'other', ...access });
  const late = await create(first.instances, { name: 'web-2' });
  assert.equal(await plain.host(), 'web.shop-eu.localhost');
  assert.equal(await claimant.host(), 'other.shop-eu.localhost');
  assert.equal(await late.host(), `web-2-${late.id.slice(0, 6)}.shop-eu.localhost`);

  const renamed = await stage.put(first.own, { name: 'warehouse' });
  assert.equal(renamed.status, 200, renamed.raw);
  assert.equal(await plain.host(), 'web.shop-eu.localhost');

  const taken = { name: 'thief', external_accesses: [{ address: 'web.shop-eu.localhost' }] };
  const refused = await stage.post(second.instances, { ...instanceBody, ...taken });
  assert.equal(refused.problem, '400 SVCSTG.00100400');
  assert.match(refused.text('error_msg'), /names web\.shop-eu\.localhost, which another instance has/);
});
