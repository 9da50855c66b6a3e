import { existsSync, readFileSync } from 'node:fs';
import { accessKeyFile, passwordFile } from '../data-directory.ts';
import { parseKeyPair, type KeyPair } from '../domain/access-key.ts';
import type { Settings } from '../settings.ts';
import { quoted } from './quoted.ts';
import { Client, findPlatform, memberOf, SignInRefused, type RunningPlatform } from './running-platform.ts';

const ENVIRONMENT = 'local';
const APPLICATION = 'default';
const DOMAIN = 'openstage';
const ADMIN = 'admin';
const UNAUTHORIZED = 401;

/** What the example's requests name and what clients read by themselves, under the names that they use. */
export async function env({ dataDir }: Settings, form: 'json' | 'shell' | 'terraform'): Promise<void> {
  const platform = findPlatform(dataDir);
  const client = await signedIn(platform, dataDir);
  const key = await usableKey(client, accessKeyFile(dataDir));
  const domain = await idOf(client, '/v3/auth/domains', 'domains', DOMAIN);
  if (form === 'terraform') {
    console.log(providerBlock(platform, { project: client.project, domain, key }));
    return;
  }
  const base = `/v2/${client.project}/cas`;
  const variables = {
    Token: client.token,
    servicestage_endpoint: platform.httpsHost,
    OPENSTAGE_URL: platform.httpUrl,
    OPENSTAGE_INGRESS_URL: platform.ingressUrl,
    project_id: client.project,
    environment_id: await idOf(client, `${base}/environments`, 'environments', ENVIRONMENT),
    application_id: await idOf(client, `${base}/applications`, 'applications', APPLICATION),
    ...clientVariables(platform, { project: client.project, domain, key }),
  };
  if (form === 'json') console.log(JSON.stringify(variables, undefined, 2));
  else for (const [name, value] of Object.entries(variables)) console.log(`export ${name}=${quoted(value)}`);
}

interface Account {
  readonly project: string;
  readonly domain: string;
  readonly key: KeyPair;
}

/** What SDKs, the Terraform provider and OpenStack's own tools look for in their environment. */
function clientVariables(
  { httpsHost, region, password }: RunningPlatform,
  { project, domain, key: { access, secret } }: Account,
): Readonly<Record<string, string>> {
  const https = `https://${httpsHost}`;
  return {
    AK: access,
    SK: secret,
    HW_ACCESS_KEY: access,
    HW_SECRET_KEY: secret,
    HW_PROJECT_ID: project,
    HW_DOMAIN_ID: domain,
    HW_REGION_NAME: region,
    HW_AUTH_URL: `${https}/v3`,
    HW_INSECURE: 'true',
    SKIP_CHECK_WEBSITE_TYPE: 'true',
    HUAWEICLOUD_SDK_AK: access,
    HUAWEICLOUD_SDK_SK: secret,
    HUAWEICLOUD_SDK_PROJECT_ID: project,
    HUAWEICLOUD_SDK_DOMAIN_ID: domain,
    HUAWEICLOUD_SDK_IAM_ENDPOINT: https,
    [`HUAWEICLOUD_SDK_REGION_SERVICESTAGE_${region.toUpperCase().replaceAll('-', '_')}`]: https,
    OS_AUTH_URL: `${https}/v3`,
    OS_USERNAME: ADMIN,
    OS_PASSWORD: password,
    OS_USER_DOMAIN_NAME: DOMAIN,
    OS_PROJECT_NAME: region,
  };
}

/** Every request of the provider goes to this platform: what it would ask of the public cloud is told or left out. */
function providerBlock({ httpsHost, region }: RunningPlatform, { project, domain, key }: Account): string {
  const https = `https://${httpsHost}`;
  return [
    '# A module that uses it also says where it comes from:',
    '#   terraform { required_providers { huaweicloud = { source = "huaweicloud/huaweicloud" } } }',
    'provider "huaweicloud" {',
    `  region                  = ${hcl(region)}`,
    `  access_key              = ${hcl(key.access)}`,
    `  secret_key              = ${hcl(key.secret)}`,
    `  project_id              = ${hcl(project)}`,
    `  domain_id               = ${hcl(domain)}`,
    `  auth_url                = ${hcl(`${https}/v3`)}`,
    '  insecure                = true',
    '  skip_check_website_type = true',
    '  endpoints = {',
    `    servicestage = ${hcl(`${https}/`)}`,
    `    iam          = ${hcl(`${https}/`)}`,
    '  }',
    '}',
  ].join('\n');
}

/** The file holds the first password: the API changes it without knowing of the file. */
async function signedIn(platform: RunningPlatform, dataDir: string): Promise<Client> {
  try {
    return await Client.signIn(platform);
  } catch (error) {
    if (!(error instanceof SignInRefused) || error.status !== UNAUTHORIZED) throw error;
    throw new Error(
      `The platform at ${platform.httpUrl} does not take the password in ${passwordFile(dataDir)}: it was changed by the API. Write the present one into that file and repeat this command; docs/users.md says how to set another where nobody knows it.`,
      { cause: error },
    );
  }
}

const NO_KEY: KeyPair = { access: '', secret: '' };

/** Empty where there is none to use, so that no client signs in vain; what is to be done is told beside the output. */
async function usableKey(client: Client, file: string): Promise<KeyPair> {
  // Another node of the platform was given it.
  if (!existsSync(file)) return NO_KEY;
  const pair = parseKeyPair(readFileSync(file, 'utf8'));
  const { body } = await client.request('GET', `/v3.0/OS-CREDENTIAL/credentials/${pair.access}`);
  if (memberOf(memberOf(body, 'credential'), 'status') === 'active') return pair;
  console.error(
    `openstage: the access key ${pair.access} in ${file} was removed or is inactive, so no key is printed; make one with POST /v3.0/OS-CREDENTIAL/credentials and write it into that file as "access secret" in one line, see docs/users.md.`,
  );
  return NO_KEY;
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

/** A text of Terraform's language: as in JSON, but for its two templates. */
const hcl = (value: string) => JSON.stringify(value).replaceAll('${', '$${').replaceAll('%{', '%%{');
