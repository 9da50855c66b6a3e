import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { textOf } from '../../src/cli/tour/steps.ts';
import { findGitea, startGitea, type Gitea } from '../git/gitea.ts';
import { Asking } from './asking.ts';
import { columnOf, compatibilityPage, untried, without, type Report } from './compatibility.ts';
import { REDIRECT_URI, registerApp } from './consent.ts';
import type { Driver, Result } from './driver.ts';
import { gitRound } from './git-round.ts';
import { ClientGround } from './ground.ts';
import { gitOperations } from './operations.ts';
import { node, others, type Client } from './places.ts';
import { round } from './round.ts';

/**
 * The official clients, unmodified, over HTTPS against a running platform.
 * Node's runs always. The others are installed by `.ci/run` and run under OPENSTAGE_TEST_ALL=1,
 * where docs/compatibility.md is compared as a whole; OPENSTAGE_WRITE_DOCS=1 besides writes it anew.
 */
const PAGE = 'docs/compatibility.md';
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';

let ground: ClientGround;
const reports: Report[] = [];

const program = findGitea();
let gitea: Gitea | undefined;
const folder = mkdtempSync(join(tmpdir(), 'openstage-clients-'));

before(async () => {
  if (program !== undefined) {
    gitea = await startGitea(program);
    // What an operator says of a git host of his own.
    const { clientId, clientSecret } = await registerApp(gitea);
    const app = { client_id: clientId, client_secret: clientSecret, redirect_uri: REDIRECT_URI };
    const config = join(folder, 'openstage.yaml');
    writeFileSync(config, JSON.stringify({ git: { github: { host: gitea.url, ...app } } }));
    process.env['OPENSTAGE_CONFIG'] = config;
    process.env['OPENSTAGE_FETCH_ALLOW'] = new URL(gitea.url).host;
  }
  ground = await ClientGround.open();
});
after(async () => {
  await ground.stop();
  await gitea?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function command(client: Client): readonly string[] {
  const argv = client.argv();
  assert.ok(
    argv,
    `the ${client.name} client is not installed; run "node bin/run.mjs scripts/install-clients.ts"`,
  );
  return argv;
}

if (!isAll) {
  const left = others.map(({ name }) => name).join(', ');
  console.log(`The clients for ${left} are left out here; .ci/run installs and runs them.`);
}

for (const client of isAll ? [node, ...others] : [node]) {
  test(`${client.name}: the seven steps and every other v2 operation work`, async (t) => {
    const driver = ground.driver(command(client), 'keys');
    const results: Result[] = [];
    const asking = new Asking(async (...args) => {
      const result = await driver.call(...args);
      results.push(result);
      return result;
    });
    try {
      const { ingressUrl, packages } = ground;
      const { takesAnyPath } = client;
      const name = `round-${client.name.toLowerCase()}`;
      await round(asking, { name, ingressUrl, packages, takesAnyPath });
      if (gitea) await gitRound(asking, name, gitea);
    } finally {
      await driver.end();
    }
    const left = gitea ? [] : gitOperations;
    if (left.length > 0) t.diagnostic('left out: the git API, whose server (Gitea) is missing here');
    assert.deepEqual(untried({ client, results }), left);
    reports.push({ client, results });
  });

  test(`${client.name}: a temporary key is taken with its security token`, async (t) => {
    const { access, secret, securitytoken } = await ground.temporaryKey();
    const place = { ak: access, sk: secret, securityToken: securitytoken };
    await finds(t, ground.driver(command(client), 'keys', { place }));
    const driver = ground.driver(command(client), 'keys', { place: { ak: access, sk: secret } });
    t.after(() => driver.end());
    const { ok, status, detail } = await driver.call('ListRuntimes');
    assert.equal(ok, false, 'a temporary key was taken without its token');
    assert.equal(`${status} ${textOf(detail, 'error_code')}`, '401 APIG.0301');
  });

  test(`${client.name}: the variables of "openstage env" are enough`, (t) =>
    finds(t, ground.driver(command(client), 'environment')));

  test(`${client.name}: without a project id the client finds the project of its region`, async (t) => {
    await finds(t, ground.driver(command(client), 'region'));
    const without = ['HUAWEICLOUD_SDK_PROJECT_ID'];
    await finds(t, ground.driver(command(client), 'environment', { without }));
  });
}

async function finds(t: TestContext, driver: Driver): Promise<void> {
  t.after(() => driver.end());
  const { ok, status, detail } = await driver.call('ListApplications', { limit: 1, offset: 0 });
  assert.ok(ok, `${status} ${JSON.stringify(detail)}`);
}

test('docs/compatibility.md tells what the clients did', () => {
  const [reference] = reports;
  assert.ok(reference, 'the reference client has not come through its round');
  const written = readFileSync(PAGE, 'utf8');
  if (!isAll) {
    // The page is of a machine that has everything; what could not be tried here is not held against it.
    const left = gitea ? [] : gitOperations;
    assert.deepEqual(
      without(left, columnOf(written, node.name)),
      without(left, columnOf(compatibilityPage(reports, reference), node.name)),
    );
    return;
  }
  const page = compatibilityPage(reports, reference);
  if (process.env['OPENSTAGE_WRITE_DOCS'] === '1') writeFileSync(PAGE, page);
  else
    assert.equal(
      written,
      page,
      `${PAGE} is stale; write it anew with "OPENSTAGE_TEST_ALL=1 OPENSTAGE_WRITE_DOCS=1 npm test -- clients"`,
    );
});
