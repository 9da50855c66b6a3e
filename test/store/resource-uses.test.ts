import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentId, hostId, releaseId } from '../../src/domain/ids.ts';
import { insertInstance, markInstanceDeleted } from '../../src/store/instances.ts';
import { insertRelease } from '../../src/store/releases.ts';
import { findResourceUse } from '../../src/store/resource-uses.ts';
import { databases } from './databases.ts';
import { aContent, aNewInstance, aNewRelease, aProject } from './records.ts';

const environment = environmentId('environment-1');

for (const { name, create } of databases()) {
  test(`${name}: a resource is used by what runs on it, what refers to it, and through Default`, async (t) => {
    const store = await (await create(t)).open();
    const uses = async (id: string, type: string) =>
      (await findResourceUse(store.read, aProject, environment, [{ id, type }]))?.instance;
    const odd = 'a "50%" _re\\dis';
    const instance = aNewInstance({
      target: { type: 'ecs', id: 'Default' },
      hosts: [hostId('host-1')],
      requestedRelease: releaseId('release-1'),
    });
    await store.write(async (tx) => {
      await insertInstance(tx, instance);
      const content = aContent({ referResources: [{ id: odd, type: 'DCS' }] });
      await insertRelease(tx, aNewRelease(instance, { id: instance.requestedRelease, content }));
    });
    assert.equal(await uses(odd, 'dcs'), instance.id);
    assert.equal(await uses(odd, 'rds'), undefined);
    assert.equal(await uses('a "50!" xre\\dis', 'dcs'), undefined);
    assert.equal(await uses('host-1', 'ecs'), instance.id);
    assert.equal(await uses('host-2', 'ecs'), undefined);
    assert.equal(await uses('release-1', 'ecs'), undefined);
    await store.write((tx) => markInstanceDeleted(tx, instance.id, 1));
    assert.equal(await uses('host-1', 'ecs'), undefined);
  });
}
