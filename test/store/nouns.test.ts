import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicationId, componentId, environmentId, projectId } from '../../src/domain/ids.ts';
import {
  type Application,
  deleteApplication,
  deleteApplicationConfiguration,
  findApplication,
  findApplicationByName,
  findApplicationEnv,
  insertApplication,
  listApplicationConfigurations,
  listApplications,
  lockApplication,
  updateApplication,
  upsertApplicationConfiguration,
} from '../../src/store/applications.ts';
import {
  type Component,
  countLiveComponents,
  deleteComponent,
  deleteEmptiedComponents,
  findComponent,
  insertComponent,
  listComponents,
  markComponentDeleting,
  updateComponent,
} from '../../src/store/components.ts';
import {
  deleteEnvironment,
  type Environment,
  findEnvironment,
  findEnvironmentByName,
  insertEnvironment,
  listEnvironmentResources,
  listEnvironments,
  replaceEnvironmentResources,
  updateEnvironment,
} from '../../src/store/environments.ts';
import { UniqueViolation } from '../../src/store/faults.ts';
import { markInstanceDeleted } from '../../src/store/instances.ts';
import { unique } from '../../src/store/tables.ts';
import { databases } from './databases.ts';
import { aProject, storeInstance } from './records.ts';

const violates = (constraint: string) => (error: unknown) =>
  error instanceof UniqueViolation && error.constraint === constraint;

const anApplication = (id: string, changes: Partial<Application> = {}) => ({
  id: applicationId(id),
  project: aProject,
  name: id,
  enterpriseProjectId: '0',
  creator: 'admin',
  createTime: 1_000,
  ...changes,
});

const aComponent = (id: string, changes: Partial<Component> = {}) => ({
  id: componentId(id),
  project: aProject,
  application: applicationId('shop'),
  name: id,
  runtime: 'Nodejs8',
  category: 'Webapp',
  creator: 'admin',
  createTime: 1_000,
  ...changes,
});

const anEnvironment = (id: string, changes: Partial<Environment> = {}) => ({
  id: environmentId(id),
  project: aProject,
  name: id,
  enterpriseProjectId: '0',
  chargeMode: 'provided',
  deployMode: 'mixed',
  vpcId: 'vpc-1',
  baseResources: [],
  optionalResources: [],
  creator: 'admin',
  createTime: 1_000,
  ...changes,
});

const byName = { offset: 0, orderBy: 'name', order: 'asc' } as const;

for (const { name, create } of databases()) {
  test(`${name}: an application is stored, changed, listed in its project only, and deleted`, async (t) => {
    const store = await (await create(t)).open();
    await store.write(async (tx) => {
      await insertApplication(tx, anApplication('shop', { description: 'sells' }));
      await insertApplication(tx, anApplication('bank'));
      await insertApplication(tx, anApplication('far', { project: projectId('other'), name: 'shop' }));
    });
    await assert.rejects(
      store.write((tx) => insertApplication(tx, anApplication('again', { name: 'shop' }))),
      violates(unique.applicationName),
    );
    await store.write((tx) =>
      updateApplication(tx, applicationId('shop'), { name: 'store', description: null, updateTime: 2_000 }),
    );
    assert.deepEqual(await findApplication(store.read, aProject, applicationId('shop')), {
      ...anApplication('shop', { name: 'store' }),
      componentCount: 0,
      updateTime: 2_000,
    });
    assert.equal(await findApplication(store.read, projectId('other'), applicationId('shop')), undefined);
    assert.equal((await findApplicationByName(store.read, aProject, 'store'))?.id, 'shop');
    const { count, items } = await listApplications(store.read, aProject, byName);
    assert.deepEqual([count, items.map((one) => one.name)], [2, ['bank', 'store']]);
    await store.write(async (tx) => {
      assert(await lockApplication(tx, aProject, applicationId('shop')));
      await deleteApplication(tx, applicationId('shop'));
    });
    assert.equal(await findApplication(store.read, aProject, applicationId('shop')), undefined);
  });

  test(`${name}: an application's variables belong to one environment and go with either`, async (t) => {
    const store = await (await create(t)).open();
    const [application, environment] = [applicationId('shop'), environmentId('test')];
    const env = [{ name: 'A', value: { keyId: 'k', nonce: 'n', data: 'd' } }];
    await store.write(async (tx) => {
      await insertApplication(tx, anApplication('shop'));
      for (const id of ['test', 'prod']) await insertEnvironment(tx, anEnvironment(id));
      await upsertApplicationConfiguration(tx, { application, environment, project: aProject, env: [] });
      await upsertApplicationConfiguration(tx, { application, environment, project: aProject, env });
      await upsertApplicationConfiguration(tx, {
        application,
        environment: environmentId('prod'),
        project: aProject,
        env: [],
      });
    });
    assert.deepEqual(await findApplicationEnv(store.read, application, environment), env);
    assert.equal((await listApplicationConfigurations(store.read, application)).length, 2);
    const drop = () => store.write((tx) => deleteApplicationConfiguration(tx, application, environment));
    assert.deepEqual([await drop(), await drop()], [true, false]);
    assert.deepEqual(await findApplicationEnv(store.read, application, environment), []);
    await store.write((tx) => deleteEnvironment(tx, environmentId('prod')));
    assert.deepEqual(await listApplicationConfigurations(store.read, application), []);
  });

  test(`${name}: a component is stored, changed and found inside its application only`, async (t) => {
    const store = await (await create(t)).open();
    const source = {
      kind: 'artifact',
      spec: { storage: 'http', type: 'package', url: 'https://example.org/a.zip' },
    } as const;
    await store.write(async (tx) => {
      for (const id of ['shop', 'bank']) await insertApplication(tx, anApplication(id));
    });
    await store.write((tx) =>
      insertComponent(
        tx,
        aComponent('web', { source, subCategory: 'Web', build: { id: 'b-1', parameters: {} } }),
      ),
    );
    const find = (application: string) =>
      findComponent(store.read, aProject, applicationId(application), componentId('web'));
    assert.deepEqual((await find('shop'))?.source, source);
    assert.equal(await find('bank'), undefined);
    await store.write((tx) =>
      updateComponent(tx, componentId('web'), { name: 'WEB2', source: null, build: null, updateTime: 2_000 }),
    );
    assert.deepEqual(await find('shop'), {
      ...aComponent('web', { name: 'WEB2', subCategory: 'Web' }),
      isDeleting: false,
      updateTime: 2_000,
    });
    await assert.rejects(
      store.write((tx) => insertComponent(tx, aComponent('other', { name: 'web2' }))),
      violates(unique.componentName),
    );
    await store.write((tx) =>
      insertComponent(tx, aComponent('bank-web', { name: 'web2', application: applicationId('bank') })),
    );
    assert.equal((await listComponents(store.read, aProject, applicationId('shop'), byName)).count, 1);
  });

  test(`${name}: an application counts its live components, however they come and go`, async (t) => {
    const store = await (await create(t)).open();
    const count = async () => {
      const stored = await findApplication(store.read, aProject, applicationId('shop'));
      assert.equal(stored?.componentCount, await countLiveComponents(store.read, applicationId('shop')));
      return stored?.componentCount;
    };
    await store.write((tx) => insertApplication(tx, anApplication('shop')));
    await Promise.all(['a', 'b', 'c'].map((id) => store.write((tx) => insertComponent(tx, aComponent(id)))));
    assert.equal(await count(), 3);
    await store.write((tx) => deleteComponent(tx, componentId('a')));
    assert.equal(await count(), 2);
    await store.write((tx) => markComponentDeleting(tx, componentId('b'), 2_000));
    await store.write((tx) => markComponentDeleting(tx, componentId('b'), 3_000));
    assert.equal(await count(), 1);
    const { count: listed, items } = await listComponents(
      store.read,
      aProject,
      applicationId('shop'),
      byName,
    );
    assert.deepEqual([listed, items.length], [2, 2], 'a list holds the one that is being deleted too');
    await store.write((tx) => deleteComponent(tx, componentId('b')));
    await store.write((tx) => deleteComponent(tx, componentId('b')));
    assert.equal(await count(), 1);
  });

  test(`${name}: a component in deletion gives its name up, and its row goes with its last instance`, async (t) => {
    const store = await (await create(t)).open();
    const instance = await store.write(async (tx) => {
      await insertComponent(tx, aComponent('web'));
      await insertComponent(tx, aComponent('idle'));
      return storeInstance(tx, { component: componentId('web') });
    });
    await store.write((tx) => markComponentDeleting(tx, componentId('web'), 2_000));
    await store.write((tx) => insertComponent(tx, aComponent('new', { name: 'web' })));
    const isThere = async (id: string) =>
      (await findComponent(store.read, aProject, undefined, componentId(id)))?.isDeleting;
    assert.equal(await store.write((tx) => deleteEmptiedComponents(tx)), 0);
    assert.equal(await isThere('web'), true);
    await store.write((tx) => markInstanceDeleted(tx, instance.id, 5_000));
    assert.equal(await store.write((tx) => deleteEmptiedComponents(tx)), 1);
    assert.deepEqual([await isThere('web'), await isThere('idle')], [undefined, false]);
  });

  test(`${name}: an environment keeps its resources in the order in which they were given`, async (t) => {
    const store = await (await create(t)).open();
    const baseResources = [
      { id: 'b', type: 'cce', name: 'two' },
      { id: 'a', type: 'ecs' },
    ];
    const optionalResources = [
      { id: 'z', type: 'elb' },
      { id: 'c', type: 'rds' },
    ];
    const stored = anEnvironment('Test', { baseResources, optionalResources, alias: 'T' });
    await store.write((tx) => insertEnvironment(tx, stored));
    const find = () => findEnvironment(store.read, aProject, stored.id);
    assert.deepEqual(await find(), { ...stored, updateTime: 1_000 });
    assert.deepEqual(await listEnvironmentResources(store.read, aProject, stored.id), [
      ...baseResources,
      ...optionalResources,
    ]);
    assert.equal((await findEnvironmentByName(store.read, aProject, 'tEST'))?.id, 'Test');

    await store.write((tx) =>
      replaceEnvironmentResources(tx, {
        ...stored,
        baseResources: [],
        optionalResources: [{ id: 'c', type: 'rds' }],
      }),
    );
    await store.write((tx) =>
      updateEnvironment(tx, stored.id, { name: 'prod', alias: null, updateTime: 2_000 }),
    );
    const { alias: _, ...rest } = stored;
    const changed = {
      ...rest,
      name: 'prod',
      baseResources: [],
      optionalResources: [{ id: 'c', type: 'rds' }],
      updateTime: 2_000,
    };
    assert.deepEqual(await find(), changed);
    assert.deepEqual((await listEnvironments(store.read, aProject, byName)).items, [changed]);
  });

  test(`${name}: an environment's name and each of its resources are there once`, async (t) => {
    const store = await (await create(t)).open();
    const elb = { id: 'z', type: 'elb' };
    const insert = (id: string, changes: Partial<Environment>) =>
      store.write((tx) => insertEnvironment(tx, anEnvironment(id, changes)));
    await insert('1', { name: 'Local', optionalResources: [elb] });
    await assert.rejects(insert('2', { name: 'local' }), violates(unique.environmentName));
    await assert.rejects(
      insert('3', { optionalResources: [elb, elb] }),
      violates(unique.environmentResource),
    );
    assert.equal(await findEnvironment(store.read, aProject, environmentId('3')), undefined);
    await insert('4', { name: 'local', project: projectId('other'), optionalResources: [elb] });
  });
}
