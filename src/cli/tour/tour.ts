import { Client, findPlatform, memberOf, type RunningPlatform } from '../running-platform.ts';
import { askApp, Load } from './load.ts';
import { OwnPlatform } from './own-platform.ts';
import { packSample } from './packages.ts';
import { bold, dim, green, red, say, title } from './show.ts';
import { follow, listOf, send, succeed, textOf } from './steps.ts';

const REQUESTS_PER_SECOND = 100;
const HOST = 'component-instance-name.default.localhost';

const start = performance.now();
say(
  bold(
    "Openstage: the seven steps, on a platform of the tour's own. Real processes run; nothing of it stays.",
  ),
);
const own = await OwnPlatform.start();
process.once('SIGINT', () => void own.stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void own.stop().then(() => process.exit(143)));
try {
  await tour(findPlatform(own.dataDir));
} catch (error) {
  say(red(`The tour went wrong: ${error instanceof Error ? error.message : String(error)}`));
  process.exitCode = 1;
} finally {
  await own.stop();
}
process.exit();

async function tour(platform: RunningPlatform): Promise<void> {
  const client = await Client.signIn(platform);
  const answer = async () => (await askApp(platform.ingressUrl, HOST)).text;
  say(`API ${platform.httpUrl}, applications ${platform.ingressUrl}, signed in as admin.`);

  title('First, packages of a sample application, uploaded to the platform');
  const address = (version: string) => `/v1/${client.project}/packages/hello/${version}/hello.tgz`;
  for (const version of ['1.0.0', '2', '3-broken']) {
    await upload(platform, client, address(version), await packSample(version));
  }
  const artifacts = (version: string) => ({
    'container-name': {
      storage: 'swr',
      type: 'package',
      url: `${platform.httpUrl}${address(version)}`,
      auth: 'iam',
    },
  });

  title('1. Create a component under an application');
  const base = `/v2/${client.project}/cas`;
  const applications = listOf(
    memberOf((await client.request('GET', `${base}/applications`)).body, 'applications'),
  );
  const components = `${base}/applications/${textOf(applications[0], 'id')}/components`;
  const source = {
    kind: 'artifact',
    spec: { storage: 'swr', type: 'package', url: `${platform.httpUrl}${address('1.0.0')}`, auth: 'iam' },
  };
  const component = await send(client, 'POST', components, {
    name: 'component-a',
    runtime: 'Nodejs8',
    category: 'Common',
    description: 'component_desc',
    source,
  });

  title('2. Create a component instance');
  const instances = `${components}/${textOf(component, 'id')}/instances`;
  const created = await send(client, 'POST', instances, {
    name: 'component-instance-name',
    environment_id: '6e763000-9128-4a9d-adea-34c42cc5344d',
    flavor_id: 'MICRO-5G:0.5C:1G',
    replica: 1,
    artifacts: artifacts('1.0.0'),
    version: '1.0.0',
    description: 'instance desc',
    configuration: { env: [{ name: 'log-level', value: 'warn' }] },
    refer_resources: [
      { id: 'b6862a62-d916-11e9-bdf1-0255ac101fd9', type: 'cce', parameters: { namespace: 'default' } },
      { id: '8c0a45cc-626f-4d65-8257-507ee059aa9a', type: 'elb' },
    ],
  });
  const instance = `${instances}/${textOf(created, 'instance_id')}`;

  title('3. Follow its job');
  await succeed(client, textOf(created, 'job_id'));
  const before = await answer();
  say(`The application answers: ${green(before)}`);

  title('4. Upgrade it, and to two replicas');
  const upgraded = await send(client, 'PUT', instance, { version: 2, replica: 2, artifacts: artifacts('2') });
  await succeed(client, textOf(upgraded, 'job_id'));
  const after = await answer();
  say(`The application answers: ${green(after)}`);

  title('5. List its snapshots');
  await send(client, 'GET', `${instance}/snapshots`);

  title('6. Roll back, without fetching or building anything');
  const rolledBack = await send(client, 'POST', `${instance}/action`, {
    action: 'rollback',
    parameters: { version: '1.0.0' },
  });
  await succeed(client, textOf(rolledBack, 'job_id'));
  const back = await answer();
  say(`The application answers: ${green(back)}`);
  if (before === after || before !== back)
    throw new Error(`The versions answered "${before}", "${after}" and "${back}".`);

  title('7. Stop, start and restart it');
  for (const action of ['stop', 'start', 'restart']) {
    const acted = await send(client, 'POST', `${instance}/action`, { action });
    await succeed(client, textOf(acted, 'job_id'));
  }

  title(`And then: an upgrade to a broken version, under ${REQUESTS_PER_SECOND} requests per second`);
  const load = new Load(platform.ingressUrl, HOST, REQUESTS_PER_SECOND);
  const broken = await send(client, 'PUT', instance, {
    version: '3-broken',
    artifacts: artifacts('3-broken'),
  });
  const ended = await follow(client, textOf(broken, 'job_id'));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const report = await load.stop();
  say(`The job ${ended.status}: ${ended.message}`);
  for (const line of ended.log.slice(-5)) say(dim(`  | ${line}`));
  if (ended.status !== 'FAILED') throw new Error('The broken version was taken for a good one.');
  const still = await answer();
  say(`The application answers: ${green(still)}`);
  if (report.failed > 0 || still !== back)
    throw new Error(`${report.failed} of ${report.sent} requests failed.`);

  title('Summary');
  say(
    `  ${report.sent} requests during the broken upgrade, ${green(`${report.failed} failed`)}; the old version never stopped serving.`,
  );
  say(`  ${Math.round((performance.now() - start) / 1000)} seconds in all. Nothing is left running.`);
  say(
    `\nNext: ${bold('npm start')}, then in another shell ${bold('eval "$(npx openstage env)"')} and the requests of README.md.`,
  );
}

async function upload(
  platform: RunningPlatform,
  client: Client,
  path: string,
  content: Buffer,
): Promise<void> {
  const response = await fetch(`${platform.httpUrl}${path}`, {
    method: 'PUT',
    headers: { 'X-Auth-Token': client.token, 'Content-Type': 'application/octet-stream' },
    body: new Uint8Array(content),
  });
  say(`${bold('PUT')} ${path.replace(client.project, '{project_id}')}  ${response.status}`);
  if (!response.ok)
    throw new Error(`The upload was answered with ${response.status}: ${await response.text()}`);
}
