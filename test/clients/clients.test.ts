import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test, type TestContext } from 'node:test';
import { Asking } from './asking.ts';
import { columnOf, compatibilityPage, untried, type Report } from './compatibility.ts';
import type { Result } from './driver.ts';
import { ClientGround } from './ground.ts';
import { operations } from './operations.ts';
import { node, others, type Client } from './places.ts';
import { round } from './round.ts';

/**
 * The official clients, unmodified, over HTTPS against a running platform.
 * Node's runs always. The others are installed by `.ci/run` and run under OPENSTAGE_TEST_ALL=1,
 * where docs/compatibility.md is compared as a whole; OPENSTAGE_WRITE_DOCS=1 besides writes it anew.
 */
const PAGE = 'docs/compatibility.md';
/** Operations that no route serves yet. */
const awaited = Object.keys(operations).filter(
  (_, at) => at >= Object.keys(operations).indexOf('ListAuthorizations'),
);
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';

let ground: ClientGround;
const reports: Report[] = [];

before(async () => {
  ground = await ClientGround.open();
});
after(() => ground.stop());

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
  test(`${client.name}: the seven steps and every other v2 operation work`, async () => {
    const driver = ground.driver(command(client), 'keys');
    const results: Result[] = [];
    const asking = new Asking(async (...args) => {
      const result = await driver.call(...args);
      results.push(result);
      return result;
    });
    try {
      const { ingressUrl, packages } = ground;
      await round(asking, { name: `round-${client.name.toLowerCase()}`, ingressUrl, packages });
    } finally {
      await driver.end();
    }
    assert.deepEqual(untried(results), awaited);
    reports.push({ client, results });
  });

  test(`${client.name}: the variables of "openstage env" are enough`, (t) => finds(t, client, 'environment'));

  test(`${client.name}: without a project id the client finds the project of its region`, async (t) => {
    await finds(t, client, 'region');
    await finds(t, client, 'environment', ['HUAWEICLOUD_SDK_PROJECT_ID']);
  });
}

async function finds(
  t: TestContext,
  client: Client,
  mode: 'region' | 'environment',
  without: readonly string[] = [],
): Promise<void> {
  const driver = ground.driver(command(client), mode, without);
  t.after(() => driver.end());
  const { ok, status, detail } = await driver.call('ListApplications', { limit: 1, offset: 0 });
  assert.ok(ok, `${status} ${JSON.stringify(detail)}`);
}

test('docs/compatibility.md tells what the clients did', () => {
  const [reference] = reports;
  assert.ok(reference, 'the reference client has not come through its round');
  const written = readFileSync(PAGE, 'utf8');
  if (!isAll) {
    assert.deepEqual(
      columnOf(written, node.name),
      columnOf(compatibilityPage(reports, reference), node.name),
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
