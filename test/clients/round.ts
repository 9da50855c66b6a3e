import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { has, isTime, items, type Asking } from './asking.ts';

const CLUSTER = { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', name: 'k1' };
const BALANCER = { id: '8c0a45cc-626f-4d65-8257-507ee059aa9a', type: 'elb', name: 'edge' };

/** Moves what it is sent to into another enterprise project. */
const enterpriseProject = {
  action: 'create',
  sys_tags: [{ key: '_sys_enterprise_project_id', value: 'other' }],
};

/** What one round is made of: a name that is its own on the platform, and two packages of the Nodejs8 sample. */
export interface Ground {
  readonly name: string;
  readonly ingressUrl: string;
  /** Whether the client can call what it has no method for. */
  readonly takesAnyPath: boolean;
  readonly packages: { readonly '1.0.0': string; readonly '2.0.0': string };
}

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
  await sevenSteps();
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

  async function sevenSteps(): Promise<void> {
    const at = { application_id: application, component_id: component };
    const host = `${name}.example.org`;
    const answers = async () => {
      const { status, text } = await askApp(ground.ingressUrl, host);
      assert.equal(status, 200, text);
      return JSON.parse(text) as unknown;
    };
    const resources = [
      { id: CLUSTER.id, type: 'cce', parameters: { namespace: 'default' } },
      { id: BALANCER.id, type: 'elb' },
    ];
    const runs = {
      strategy: { upgrade: 'RollingUpdate' },
      lifecycle: { 'post-start': { type: 'command', parameters: { command: ['true'] } } },
      probes: {
        livenessProbe: { type: 'tcp', parameters: { port: 8080 }, delay: 1, timeout: 3 },
        readinessProbe: {
          type: 'http',
          parameters: { scheme: 'HTTP', port: 8080, path: '/ready' },
          delay: 0,
          timeout: 2,
        },
      },
    };
    const access = { protocol: 'HTTP', address: `${name}.example.org`, forward_port: 8080 };
    const created = await asking.good('CreateInstance', at, {
      name,
      environment_id: environment,
      flavor_id: 'MICRO-5G:0.5C:1G',
      replica: 1,
      artifacts: {
        'container-name': { storage: 'swr', type: 'package', url: ground.packages['1.0.0'], auth: 'iam' },
      },
      version: '1.0.0',
      description: 'instance desc',
      configuration: { env: [{ name: 'log-level', value: 'warn' }], ...runs },
      external_accesses: [access],
      refer_resources: resources,
    });
    const instance_id = textOf(created, 'instance_id');
    const instance = { ...at, instance_id };
    await asking.refused('409 SVCSTG.00100409', 'ChangeInstance', instance, { version: '9' });
    await asking.succeeded(created);
    has(await answers(), { version: '1.0.0' });
    has(memberOf(await answers(), 'env'), { 'log-level': 'warn', APP_VERSION: 'of the application' });

    await asking.succeeded(
      await asking.good('ChangeInstance', instance, {
        version: '2',
        description: '',
        artifacts: {
          'container-name': { storage: 'swr', type: 'package', url: ground.packages['2.0.0'], auth: 'iam' },
        },
      }),
    );
    has(await answers(), { version: '2.0.0' });
    const shown = await asking.good('ShowInstanceDetail', instance);
    has(shown, { name, version: '2', description: '', flavor_id: 'MICRO-5G:0.5C:1G', platform_type: 'cce' });
    const { strategy, lifecycle, probes } = Object(memberOf(shown, 'configuration'));
    assert.deepEqual({ strategy, lifecycle, probes }, runs, 'what is sent is answered');
    has(items(shown, 'external_accesses')[0], { ...access, type: 'SPECIFIED' });
    assert.deepEqual(items(shown, 'refer_resources'), resources, 'nothing is added to what was sent');
    has(memberOf(shown, 'status_detail'), {
      status: 'RUNNING',
      replica: 1,
      available_replica: 1,
      last_job_status: 'SUCCEEDED',
    });
    const page = await asking.good('ListInstances', {
      ...at,
      limit: 10,
      offset: 0,
      order_by: 'version',
      order: 'asc',
    });
    has(items(page, 'instances')[0], {
      id: instance_id,
      application_name: name,
      component_name: 'cart',
      environment_name: name,
    });
    const overviews = await asking.good('ListComponentOverviews', {
      application_id: application,
      limit: 10,
      offset: 0,
    });
    has(items(items(overviews, 'components')[0], 'instances')[0], {
      instance_id,
      instance_name: name,
      version: '2',
    });

    const snapshots = await asking.good('ListInstanceSnapshots', { ...instance, limit: 10, offset: 0 });
    has(items(snapshots, 'snapshots')[0], { version: '1.0.0', instance_id });
    const act = (action: string, parameters?: object) =>
      asking.good('UpdateInstanceAction', instance, { action, ...(parameters && { parameters }) });
    await asking.succeeded(await act('rollback', { version: '1.0.0' }));
    has(await answers(), { version: '1.0.0' });
    await asking.succeeded(await act('scale', { replica: 2 }));
    has(memberOf(await asking.good('ShowInstanceDetail', instance), 'status_detail'), {
      replica: 2,
      available_replica: 2,
    });
    await asking.succeeded(await act('restart'));
    await asking.succeeded(await act('stop'));
    assert.equal((await askApp(ground.ingressUrl, host)).status, 503);
    await asking.succeeded(await act('start'));
    has(await answers(), { version: '1.0.0' });
    await asking.refused('400 SVCSTG.00100418', 'UpdateInstanceAction', instance, { action: 'dance' });
    await asking.refused('400 SVCSTG.00100402', 'DeleteComponent', at);

    const deleted = await asking.good('DeleteInstance', { ...instance, force: false });
    await asking.succeeded(deleted);
    await asking.refused('404 SVCSTG.00100412', 'ShowInstanceDetail', instance);
    await asking.succeeded(deleted);
    await asking.refused('404 SVCSTG.00100429', 'ShowJobDetail', {
      job_id: 'JOB00000000-0000-0000-0000-000000000000',
    });
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
