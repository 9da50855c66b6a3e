import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { has, isTime, items, type Asking } from './asking.ts';
import { BALANCER, CLUSTER, sevenSteps, type Ground } from './seven-steps.ts';

/** Moves what it is sent to into another enterprise project. */
const enterpriseProject = {
  action: 'create',
  sys_tags: [{ key: '_sys_enterprise_project_id', value: 'other' }],
};

/** Every v2 operation through a client, the seven steps among them; each answer is held to what the client understood of it. */
export async function round(asking: Asking, ground: Ground): Promise<void> {
  const { name } = ground;

  const metadata = await asking.good('ListRuntimes');
  assert.ok(items(metadata, 'runtimes').some((one) => textOf(one, 'type_name') === 'Nodejs8'));
  assert.ok(
    items(await asking.good('ListFlavors'), 'flavors').some(
      (one) => textOf(one, 'flavor_id') === 'MICRO-5G:0.5C:1G',
    ),
  );
  assert.deepEqual(items(await asking.good('ListTemplates'), 'templates'), []);

  const environment = await environments();
  const application = await applications();
  const component = await components();
  await sevenSteps(asking, ground, { application, component, environment });
  await removals();

  async function environments(): Promise<string> {
    const made = await asking.good(
      'CreateEnvironment',
      {},
      {
        name,
        alias: 'first',
        description: '',
        charge_mode: 'provided',
        deploy_mode: 'container',
        vpc_id: 'vpc-1',
        base_resources: [CLUSTER],
        optional_resources: [],
      },
    );
    const environment_id = textOf(made, 'id');
    has(made, { name, alias: 'first', vpc_id: 'vpc-1', deploy_mode: 'container', charge_mode: 'provided' });
    await asking.refused(
      '400 SVCSTG.00100422',
      'CreateEnvironment',
      {},
      {
        name: `${name}-bare`,
        deploy_mode: 'container',
        vpc_id: 'vpc-1',
        base_resources: [],
      },
    );
    const patched = await asking.good(
      'ChangeResourceInEnvironment',
      { environment_id },
      {
        remove_resources: [CLUSTER],
        add_base_resources: [CLUSTER],
        add_optional_resources: [BALANCER],
      },
    );
    assert.deepEqual(items(patched, 'base_resources'), [CLUSTER], 'what is removed and added stays');
    assert.deepEqual(items(patched, 'optional_resources'), [BALANCER]);
    has(await asking.good('ChangeEnvironment', { environment_id }, { alias: 'second' }), {
      name,
      alias: 'second',
    });
    const shown = await asking.good('ShowEnvironmentDetail', { environment_id });
    has(shown, { id: environment_id, alias: 'second' });
    isTime(memberOf(shown, 'create_time'));
    const page = await asking.good('ListEnvironments', {
      limit: 1,
      offset: 0,
      order_by: 'create_time',
      order: 'desc',
    });
    assert.deepEqual(
      items(page, 'environments').map((one) => textOf(one, 'name')),
      [name],
    );
    const past = await asking.good('ListEnvironments', { limit: 100, offset: 1000 });
    assert.deepEqual(items(past, 'environments'), [], 'past the end a list is empty');
    return environment_id;
  }

  async function applications(): Promise<string> {
    const made = await asking.good('CreateApplication', {}, { name, description: 'web shop' });
    const application_id = textOf(made, 'id');
    has(made, { name, description: 'web shop', enterprise_project_id: '0' });
    await asking.refused('400 SVCSTG.00100458', 'CreateApplication', {}, { name });
    has(await asking.good('ChangeApplication', { application_id }, { description: 'shop & <web> ünïcode' }), {
      name,
    });
    const shown = await asking.good('ShowApplicationDetail', { application_id });
    has(shown, { description: 'shop & <web> ünïcode', component_count: 0 });
    const page = await asking.good('ListApplications', {
      limit: 1,
      offset: 0,
      order_by: 'create_time',
      order: 'desc',
    });
    assert.deepEqual(
      items(page, 'applications').map((one) => textOf(one, 'id')),
      [application_id],
    );
    const configuration = { env: [{ name: 'APP_VERSION', value: 'of the application' }] };
    const set = await asking.good(
      'ChangeApplicationConfiguration',
      { application_id },
      { environment_id: environment, configuration },
    );
    has(set, { application_id, environment_id: environment });
    const found = await asking.good('ShowApplicationConfiguration', { application_id });
    assert.deepEqual(items(found, 'configuration'), [
      { application_id, environment_id: environment, configuration },
    ]);
    if (ground.takesAnyPath) {
      const moved = await asking.good('CreateApplicationTags', { application_id }, enterpriseProject);
      has(moved, { application_id });
      has(await asking.good('CreateEnvironmentTags', { environment_id: environment }, enterpriseProject), {
        id: environment,
        enterprise_project_id: 'other',
      });
    }
    await asking.refused('404 SVCSTG.00100403', 'ShowApplicationDetail', { application_id: environment });
    return application_id;
  }

  async function components(): Promise<string> {
    const at = { application_id: application };
    const source = {
      kind: 'artifact',
      spec: { storage: 'swr', type: 'package', url: ground.packages['1.0.0'], auth: 'iam' },
    };
    const made = await asking.good('CreateComponent', at, {
      name: 'cart',
      runtime: 'Nodejs8',
      category: 'MicroService',
      sub_category: 'Java Chassis',
      description: 'component_desc',
      source,
    });
    const component_id = textOf(made, 'id');
    has(made, {
      name: 'cart',
      runtime: 'Nodejs8',
      category: 'MicroService',
      sub_category: 'Java Chassis',
      status: 0,
    });
    assert.deepEqual(memberOf(made, 'source'), source);
    has(await asking.good('ChangeComponent', { ...at, component_id }, { description: 'changed' }), {
      description: 'changed',
    });
    assert.deepEqual(
      memberOf(await asking.good('ShowComponentDetail', { ...at, component_id }), 'source'),
      source,
    );
    const page = await asking.good('ListComponents', {
      ...at,
      limit: 10,
      offset: 0,
      order_by: 'name',
      order: 'asc',
    });
    assert.deepEqual(
      items(page, 'components').map((one) => textOf(one, 'id')),
      [component_id],
    );
    await asking.refused('400 SVCSTG.00100420', 'CreateComponent', at, {
      name: 'odd',
      runtime: 'Cobol',
      category: 'Common',
    });
    return component_id;
  }

  async function removals(): Promise<void> {
    const at = { application_id: application };
    await asking.refused('400 SVCSTG.00100400', 'DeleteApplication', at);
    await asking.good('DeleteComponent', { ...at, component_id: component });
    await asking.good('DeleteApplicationConfiguration', { ...at, environment_id: environment });
    await asking.good('DeleteApplication', at);
    await asking.good('DeleteEnvironment', { environment_id: environment });
    await asking.refused('404 SVCSTG.00100411', 'ShowEnvironmentDetail', { environment_id: environment });
  }
}
