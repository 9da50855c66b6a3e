import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { askApp } from '../../src/cli/tour/load.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { has, items, type Asking } from './asking.ts';

export const CLUSTER = { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', name: 'k1' };
export const BALANCER = { id: '8c0a45cc-626f-4d65-8257-507ee059aa9a', type: 'elb', name: 'edge' };

/** What one round is made of: a name that is its own on the platform, and two packages of the Nodejs8 sample. */
export interface Ground {
  readonly name: string;
  readonly ingressUrl: string;
  /** Whether the client can call what it has no method for. */
  readonly takesAnyPath: boolean;
  readonly packages: { readonly '1.0.0': string; readonly '2.0.0': string };
}

/** Steps 2 to 7 of the vendor's example and the instance's other operations; the component is step 1. */
export async function sevenSteps(
  asking: Asking,
  ground: Ground,
  {
    application,
    component,
    environment,
  }: Readonly<Record<'application' | 'component' | 'environment', string>>,
): Promise<void> {
  const { name } = ground;
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
