import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import { has, items } from './asking.ts';
import type { ClientGround } from './ground.ts';
import { componentState, environmentState, instanceState } from './provider-state.ts';
import type { Provider } from './provider.ts';

const CLUSTER = { type: 'cce', id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9' };
const BALANCER = { type: 'elb', id: '8c0a45cc-626f-4d65-8257-507ee059aa9a' };
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

export interface Fact {
  /** A claim; docs/compatibility.md lists them. */
  readonly title: string;
  readonly run: (provider: Provider, ground: ClientGround) => Promise<void>;
}

/** Each thing that the Terraform provider, or the Go library below it, sends or relies on. */
export const facts: readonly Fact[] = [
  {
    title:
      'signed with an access key, the project is found by the name of its region, and there is one domain',
    async run(provider, ground) {
      const region = ground.variable('HW_REGION_NAME');
      const projects = items(await provider.good('GET', `/v3/projects?name=${region}`), 'projects');
      assert.deepEqual(
        projects.map((one) => textOf(one, 'id')),
        [ground.variable('HW_PROJECT_ID')],
      );
      const domains = items(await provider.good('GET', '/v3/auth/domains'), 'domains');
      assert.deepEqual(
        domains.map((one) => textOf(one, 'id')),
        [ground.variable('HW_DOMAIN_ID')],
      );
    },
  },
  {
    title:
      'by password it signs in to the project and to the domain, and looks the user up; by token it does the same',
    async run(provider, ground) {
      const domain = { name: ground.variable('OS_USER_DOMAIN_NAME') };
      const name = ground.variable('OS_USERNAME');
      const user = { name, password: ground.variable('OS_PASSWORD'), domain };
      const byPassword = { methods: ['password'], password: { user } };
      const project = { project: { name: ground.variable('OS_PROJECT_NAME'), domain } };
      const json = { 'Content-Type': 'application/json' };
      const signIn = async (identity: object, scope: object) => {
        const body = JSON.stringify({ auth: { identity, scope } });
        const answer = await provider.exchange('POST', '/v3/auth/tokens', body, json);
        assert.equal(answer.status, 201, JSON.stringify(answer.body));
        assert.match(textOf(memberOf(answer.body, 'token'), 'expires_at'), RFC_3339);
        return { token: String(answer.headers['x-subject-token']), body: memberOf(answer.body, 'token') };
      };
      const first = await signIn(byPassword, project);
      has(memberOf(first.body, 'project'), { id: ground.variable('project_id') });
      const { token } = await signIn(byPassword, { domain });
      const withToken = { 'X-Auth-Token': token };
      const domains = await provider.exchange('GET', '/v3/auth/domains', '', withToken);
      assert.equal(items(domains.body, 'domains').length, 1);
      const users = await provider.exchange('GET', `/v3/users?name=${name}`, '', withToken);
      assert.deepEqual(
        items(users.body, 'users').map((one) => textOf(one, 'name')),
        [name],
      );
      const byToken = { methods: ['token'], token: { id: first.token } };
      await signIn(byToken, project);
      await signIn(byToken, { domain });
    },
  },
  {
    title: 'lists are asked for until a page is empty, and hold one array, which is never null',
    async run(provider) {
      const { cas } = provider;
      const application = await provider.good('POST', `${cas}/applications`, {
        name: 'tf-pages',
        description: '',
      });
      const at = `${cas}/applications/${textOf(application, 'id')}`;
      assert.deepEqual(await provider.all(`${at}/components`), []);
      assert.deepEqual(await provider.all(`${at}/components/overviews`), []);
      assert.deepEqual(await provider.all(`${at}/configuration`), []);
      for (const name of ['one', 'two', 'three'])
        await provider.good('POST', `${at}/components`, { name, runtime: 'Nodejs8', category: 'Common' });
      for (const limit of ['', '?limit=1', '?limit=2', '?limit=100', '?limit=101'])
        assert.equal((await provider.all(`${at}/components${limit}`)).length, 3, limit);
      for (const list of ['runtimes', 'flavors', 'templates'])
        items(await provider.good('GET', `${cas}/metadata/${list}`), list);
      for (const one of await provider.all(`${at}/components`))
        await provider.good('DELETE', `${at}/components/${textOf(one, 'id')}`);
      assert.equal((await provider.send('DELETE', at)).status, 204);
    },
  },
  {
    title:
      'an application, a component, an environment and an instance are applied, upgraded, imported and destroyed without a difference at any step',
    run: lifeOfAFile,
  },
];

async function lifeOfAFile(provider: Provider, ground: ClientGround): Promise<void> {
  const { cas } = provider;
  const description = '';

  const environment = textOf(
    await provider.good('POST', `${cas}/environments`, {
      name: 'tf-env',
      description,
      vpc_id: 'vpc-1',
      base_resources: [CLUSTER],
    }),
    'id',
  );
  const environmentAt = `${cas}/environments/${environment}`;
  const readEnvironment = async () => environmentState(await provider.good('GET', environmentAt));
  const environmentFile = { name: 'tf-env', description, vpc_id: 'vpc-1', basic_resources: [CLUSTER] };
  assert.deepEqual(await readEnvironment(), { ...environmentFile, optional_resources: [] });
  await provider.good('PATCH', `${environmentAt}/resources`, {
    add_base_resources: [CLUSTER],
    add_optional_resources: [BALANCER],
    remove_resources: [CLUSTER],
  });
  assert.deepEqual(await readEnvironment(), { ...environmentFile, optional_resources: [BALANCER] });

  const application = textOf(
    await provider.good('POST', `${cas}/applications`, { name: 'tf-shop', description }),
    'id',
  );
  const applicationAt = `${cas}/applications/${application}`;
  const variables = [{ name: 'owner', value: 'terraform' }];
  await provider.good('PUT', `${applicationAt}/configuration`, {
    environment_id: environment,
    configuration: { env: variables },
  });
  const [record] = items(await provider.good('GET', `${applicationAt}/configuration`), 'configuration');
  assert.deepEqual(memberOf(memberOf(record, 'configuration'), 'env'), variables);

  const source = { type: 'package', storage: 'swr', url: ground.packages['1.0.0'] };
  const component = textOf(
    await provider.good('POST', `${applicationAt}/components`, {
      name: 'tf-cart',
      runtime: 'Nodejs8',
      category: 'MicroService',
      sub_category: 'Java Classis',
      source: { kind: 'artifact', spec: { ...source, properties: {} } },
    }),
    'id',
  );
  const componentAt = `${applicationAt}/components/${component}`;
  assert.deepEqual(componentState(await provider.good('GET', componentAt)), {
    name: 'tf-cart',
    type: 'MicroService',
    runtime: 'Nodejs8',
    framework: 'Java Classis',
    source,
  });
  const found = await provider.all(`${applicationAt}/components`);
  assert.deepEqual(
    found.map((one) => textOf(one, 'id')),
    [component],
  );

  // Nothing but the namespace is asked for; "type" is what some files add.
  const reference = { ...CLUSTER, parameters: { namespace: 'default', type: 'VirtualMachine' } };
  const artifact = (url: string) => ({ storage: 'swr', type: 'package', url, auth: 'iam' });
  const created = await provider.good('POST', `${componentAt}/instances`, {
    name: 'tf-cart',
    environment_id: environment,
    replica: 1,
    flavor_id: 'MICRO-5G:0.5C:1G',
    refer_resources: [reference, BALANCER],
    version: '1.0.0',
    artifacts: { 'tf-cart': artifact(ground.packages['1.0.0']) },
    configuration: { env: [{ name: 'TZ', value: 'UTC' }] },
  });
  await provider.finished(created);
  const instanceAt = `${componentAt}/instances/${textOf(created, 'instance_id')}`;
  const readInstance = async () => instanceState(await provider.good('GET', instanceAt));
  const first = await readInstance();
  const file = (version: '1.0.0' | '2.0.0') => ({
    environment_id: environment,
    name: 'tf-cart',
    version,
    replica: 1,
    flavor_id: 'MICRO-5G:0.5C:1G',
    description,
    artifact: [
      {
        name: 'tf-cart',
        type: 'package',
        storage: 'swr',
        url: ground.packages[version],
        auth_type: 'iam',
        version: '',
      },
    ],
    refer_resource: [
      { ...reference, alias: '' },
      { ...BALANCER, alias: '', parameters: {} },
    ].toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)),
    env_variable: [{ name: 'TZ', value: 'UTC' }],
    external_access: first['external_access'],
  });
  assert.deepEqual(sorted(first), sorted(file('1.0.0')));
  assert.deepEqual(await readInstance(), first, 'a second look finds the same');

  // What the first look found and the file does not say is sent back: the access that was made for it.
  const changed = await provider.good('PUT', instanceAt, {
    version: '2.0.0',
    flavor_id: 'MICRO-5G:0.5C:1G',
    description,
    artifacts: { 'tf-cart': artifact(ground.packages['2.0.0']) },
    configuration: { env: [{ name: 'TZ', value: 'UTC' }] },
    refer_resources: [reference, BALANCER],
    external_accesses: items(await provider.good('GET', instanceAt), 'external_accesses').map((one) => ({
      protocol: memberOf(one, 'protocol'),
      address: memberOf(one, 'address'),
      forward_port: memberOf(one, 'forward_port'),
    })),
  });
  await provider.finished(changed);
  assert.deepEqual(sorted(await readInstance()), sorted(file('2.0.0')));
  has(await provider.good('GET', instanceAt), { version: '2.0.0' });

  const kept = await provider.good('PUT', instanceAt, { version: '2.0.0', replica: null, configuration: {} });
  await provider.finished(kept);
  assert.deepEqual(sorted(await readInstance()), sorted(file('2.0.0')), 'null and {} change nothing');
  await provider.finished(
    await provider.good('POST', `${instanceAt}/action`, { action: 'scale', parameters: { replica: '2' } }),
  );
  assert.equal((await readInstance())['replica'], 2);

  const deleted = await provider.send('DELETE', instanceAt);
  assert.equal(deleted.status, 200);
  await provider.finished(deleted.body);
  await gone(instanceAt);
  await provider.finished(deleted.body);
  const job = await provider.good('GET', `${cas}/jobs/${textOf(deleted.body, 'job_id')}`);
  const keys = [...Object.keys(Object(memberOf(job, 'job'))), ...Object.keys(Object(items(job, 'tasks')[0]))];
  assert.deepEqual(
    keys.filter((key) => key !== key.toUpperCase()),
    [],
  );
  for (const at of [componentAt, applicationAt, environmentAt]) {
    assert.equal((await provider.send('DELETE', at)).status, 204, at);
    await gone(at);
  }

  async function gone(at: string): Promise<void> {
    const { status, body } = await provider.send('GET', at);
    assert.equal(status, 404, at);
    assert.match(textOf(body, 'error_code'), /^SVCSTG\./);
  }
}

/** Sets have no order; nor have the members of an object. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .map(sorted)
      .map((one) => JSON.stringify(one))
      .toSorted();
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, one]): [string, unknown] => [key, sorted(one)]);
  return Object.fromEntries(members.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
