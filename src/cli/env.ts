import type { Settings } from '../settings.ts';
import { Client, findPlatform, memberOf } from './running-platform.ts';

const ENVIRONMENT = 'local';
const APPLICATION = 'default';

/** What the example's requests name, under the names that they use. */
export async function env({ dataDir }: Settings, form: 'json' | 'shell'): Promise<void> {
  const platform = findPlatform(dataDir);
  const client = await Client.signIn(platform);
  const base = `/v2/${client.project}/cas`;
  const variables = {
    Token: client.token,
    servicestage_endpoint: platform.httpsHost,
    OPENSTAGE_URL: platform.httpUrl,
    OPENSTAGE_INGRESS_URL: platform.ingressUrl,
    project_id: client.project,
    environment_id: await idOf(client, `${base}/environments`, 'environments', ENVIRONMENT),
    application_id: await idOf(client, `${base}/applications`, 'applications', APPLICATION),
  };
  if (form === 'json') console.log(JSON.stringify(variables, undefined, 2));
  else for (const [name, value] of Object.entries(variables)) console.log(`export ${name}=${quoted(value)}`);
}

/** Empty where somebody deleted or renamed it: the other lines are still of use. */
async function idOf(client: Client, path: string, list: string, name: string): Promise<string> {
  const { body } = await client.request('GET', path);
  const items = memberOf(body, list);
  const found: unknown = Array.isArray(items)
    ? items.find((item) => memberOf(item, 'name') === name)
    : undefined;
  return String(memberOf(found, 'id') ?? '');
}

const quoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
