import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { sign } from '../api/sign.ts';

const statusOverTls = (url: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    get(url, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

test('env prints what clients read by themselves, its keys sign, and the provider block names this platform', async (t) => {
  const own = await OwnPlatform.start();
  t.after(() => own.stop());
  const env = (...flags: string[]) => {
    const run = spawnSync(
      process.execPath,
      ['bin/openstage.mjs', 'env', '--data-dir', own.dataDir, ...flags],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(run.status, 0, run.stderr);
    return run.stdout;
  };
  const variables: Record<string, string> = JSON.parse(env('--json'));
  const https = `https://${variables['servicestage_endpoint']}`;
  const { AK = '', SK = '', project_id = '', HW_DOMAIN_ID = '' } = variables;
  assert.match(AK, /^[A-Z0-9]{20}$/);
  assert.match(SK, /^[A-Za-z0-9]{40}$/);
  assert.match(HW_DOMAIN_ID, /^[0-9a-f]{32}$/);
  const expected = {
    HW_ACCESS_KEY: AK,
    HW_SECRET_KEY: SK,
    HW_PROJECT_ID: project_id,
    HW_REGION_NAME: 'local',
    HW_AUTH_URL: `${https}/v3`,
    HW_INSECURE: 'true',
    SKIP_CHECK_WEBSITE_TYPE: 'true',
    HUAWEICLOUD_SDK_AK: AK,
    HUAWEICLOUD_SDK_SK: SK,
    HUAWEICLOUD_SDK_PROJECT_ID: project_id,
    HUAWEICLOUD_SDK_DOMAIN_ID: HW_DOMAIN_ID,
    HUAWEICLOUD_SDK_IAM_ENDPOINT: https,
    HUAWEICLOUD_SDK_REGION_SERVICESTAGE_LOCAL: https,
    OS_AUTH_URL: `${https}/v3`,
    OS_USERNAME: 'admin',
    OS_USER_DOMAIN_NAME: 'openstage',
    OS_PROJECT_NAME: 'local',
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(variables[name], value, name);
  assert.ok(variables['OS_PASSWORD']);
  assert.ok(env().includes(`export HW_SECRET_KEY='${SK}'\n`));

  const path = `/v2/${project_id}/cas/applications`;
  // Its ports were 0: what is printed is where it really listens.
  const { OPENSTAGE_URL = '', OPENSTAGE_INGRESS_URL = '' } = variables;
  const ports = [https, OPENSTAGE_URL, OPENSTAGE_INGRESS_URL].map((url) => Number(new URL(url).port));
  assert.ok(ports.every((port) => port > 0) && new Set(ports).size === 3, ports.join(', '));
  assert.equal(await statusOverTls(`${https}/version`), 200);
  const stranger = await fetch(OPENSTAGE_INGRESS_URL);
  assert.equal(stranger.status, 404, await stranger.text());
  for (const [name, list] of [
    ['environment_id', 'environments'],
    ['application_id', 'applications'],
  ]) {
    const shown = await fetch(`${OPENSTAGE_URL}/v2/${project_id}/cas/${list}/${variables[name ?? '']}`, {
      headers: { 'X-Auth-Token': variables['Token'] ?? '' },
    });
    assert.equal(shown.status, 200, await shown.text());
  }

  const signed = await fetch(`${variables['OPENSTAGE_URL']}${path}`, {
    headers: sign({ access: AK, secret: SK, url: path }),
  });
  assert.equal(signed.status, 200);

  const block = env('--terraform');
  assert.match(block, /^provider "huaweicloud" \{\n[^]*^\}\n$/m);
  for (const value of [AK, SK, project_id, HW_DOMAIN_ID, `${https}/v3`, `${https}/`, 'local'])
    assert.ok(block.includes(`= ${JSON.stringify(value)}\n`), value);
  assert.equal(statSync(join(own.dataDir, 'admin-access-key')).mode & 0o777, 0o600);
});

test('env says what to do once the first password was changed and the first key removed, and follows what is written into their files', async (t) => {
  const own = await OwnPlatform.start();
  t.after(() => own.stop());
  const env = () =>
    spawnSync(process.execPath, ['bin/openstage.mjs', 'env', '--json', '--data-dir', own.dataDir], {
      encoding: 'utf8',
    });
  const first: Record<string, string> = JSON.parse(env().stdout);
  const { OPENSTAGE_URL = '', Token = '', AK = '', OS_PASSWORD = '' } = first;
  const ask = async (method: string, path: string, body?: object, token = Token) => {
    const answer = await fetch(`${OPENSTAGE_URL}${path}`, {
      method,
      headers: { 'X-Auth-Token': token, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    return text === '' ? {} : JSON.parse(text);
  };
  const credentials = '/v3.0/OS-CREDENTIAL/credentials';
  const made = (await ask('POST', credentials, { credential: {} })).credential;
  const { users } = await ask('GET', '/v3/users?name=admin');
  const user = { password: 'another-9-password', original_password: OS_PASSWORD };
  await ask('POST', `/v3/users/${users[0].id}/password`, { user });

  const refused = env();
  assert.equal(refused.status, 1);
  assert.equal(refused.stdout, '');
  const passwordFile = join(own.dataDir, 'admin-password');
  assert.match(refused.stderr, /^openstage: The platform at \S+ does not take the password in (\S+): /);
  assert.ok(refused.stderr.includes(`${passwordFile}: it was changed by the API. Write the present one`));
  assert.equal(refused.stderr.trim().split('\n').length, 1, refused.stderr);

  writeFileSync(passwordFile, user.password);
  const again: Record<string, string> = JSON.parse(env().stdout);
  assert.equal(again['OS_PASSWORD'], user.password);
  await ask('DELETE', `${credentials}/${AK}`, undefined, again['Token']);
  const without = env();
  assert.equal(without.status, 0, without.stderr);
  assert.match(
    without.stderr,
    new RegExp(`^openstage: the access key ${AK} in .* was removed or is inactive`),
  );
  const { AK: none, HW_SECRET_KEY } = JSON.parse(without.stdout);
  assert.deepEqual([none, HW_SECRET_KEY], ['', '']);

  const keyFile = join(own.dataDir, 'admin-access-key');
  assert.ok(readFileSync(keyFile, 'utf8').startsWith(`${AK} `));
  writeFileSync(keyFile, `${made.access} ${made.secret}\n`);
  const mended = env();
  assert.equal(mended.stderr, '');
  assert.equal(JSON.parse(mended.stdout).AK, made.access);
});
