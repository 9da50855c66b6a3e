import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { Client } from 'pg';
import { applicationId, componentId } from '../../src/domain/ids.ts';
import { listApplications } from '../../src/store/applications.ts';
import { listComponents } from '../../src/store/components.ts';
import { listEnvironments } from '../../src/store/environments.ts';
import { listInstances } from '../../src/store/instance-lists.ts';
import { findInstance } from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import type { Paging } from '../../src/store/paging.ts';
import { databases, type TestDatabase } from './databases.ts';
import { aProject, storeInstance } from './records.ts';
import { timers } from './timer-statements.ts';

const lists: Readonly<Record<string, (store: Store, paging: Paging) => Promise<unknown>>> = {
  applications: (store, paging) => listApplications(store.read, aProject, paging),
  components: (store, paging) => listComponents(store.read, aProject, applicationId('a'), paging),
  environments: (store, paging) => listEnvironments(store.read, aProject, paging),
  instances: (store, paging) =>
    listInstances(store.read, { project: aProject, component: componentId('c') }, paging),
};

test('a page of any list, in any order, is read along an index, without a scan and without sorting', async (t) => {
  const [sqlite] = databases();
  assert(sqlite?.name === 'SQLite');
  const database = await sqlite.create(t);
  const statements = new Set<string>();
  const store = await database.open({ tap: (statement) => statements.add(statement) });
  const instance = await store.write((tx) => storeInstance(tx));
  statements.clear();
  await findInstance(store.read, instance.id);
  for (const list of Object.values(lists)) {
    for (const orderBy of ['create_time', 'name', 'update_time', 'version'] as const) {
      for (const order of ['asc', 'desc'] as const)
        await list(store, { limit: 10, offset: 10, orderBy, order });
    }
  }
  assert(statements.size >= 29, 'six pages and a count of four lists, and one instance');
  const file = new DatabaseSync(join(database.dataDir, 'openstage.db'), { readOnly: true });
  t.after(() => file.close());
  for (const statement of statements) {
    const plan = file.prepare(`explain query plan ${statement}`).all();
    const steps = plan.map((step) => String(step['detail']));
    assert(steps.length > 0);
    for (const step of steps)
      assert(!/^SCAN (?!CONSTANT ROW)|TEMP B-TREE/.test(step), `${statement}\n${steps.join('\n')}`);
  }
});

/** Walks along an index that holds only what runs, is open or waits, or that a limit ends. */
const boundedWalks =
  /^SCAN (replicas USING COVERING INDEX|rollouts USING INDEX rollouts_unretired|instances USING INDEX instances_live|git_pushes USING INDEX|jobs USING INDEX jobs_(leased|running)|components USING (COVERING )?INDEX components_deleting)/;
/** What is sorted is as little as that. */
const isSmallSort = (statement: string) => /"lease_owner" is not null|in \(select/.test(statement);

for (const kind of databases()) {
  test(`${kind.name}: what timers ask again and again walks through no table`, async (t) => {
    const database = await kind.create(t);
    const statements = new Set<string>();
    const store = await database.open({ tap: (statement) => statements.add(statement) });
    const instance = await store.write((tx) => storeInstance(tx));
    const explain = await explainer(t, database);
    for (const [who, ask] of Object.entries(timers)) {
      statements.clear();
      await ask(store, instance);
      const asked = [...statements].filter((one) => /^(select|insert|update|delete) /.test(one));
      assert(asked.length > 0, who);
      for (const statement of asked) assert.deepEqual(await explain(statement), [], `${who}\n${statement}`);
    }
  });
}

/** Answers the steps of a statement's plan that cost more the more rows there are. */
async function explainer(
  t: TestContext,
  { url, dataDir }: TestDatabase,
): Promise<(statement: string) => Promise<readonly string[]>> {
  if (url === undefined) {
    const file = new DatabaseSync(join(dataDir, 'openstage.db'), { readOnly: true });
    t.after(() => file.close());
    return async (statement) =>
      file
        .prepare(`explain query plan ${statement}`)
        .all()
        .map((step) => String(step['detail']))
        .filter(
          (step) =>
            (/^SCAN /.test(step) && !boundedWalks.test(step)) ||
            (/TEMP B-TREE/.test(step) && !isSmallSort(statement)),
        );
  }
  const client = new Client({ connectionString: url });
  // The database goes before the connection does.
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.end());
  // Without rows it would always walk: now it does only where there is no other way. As it is planned for any parameter.
  await client.query('set enable_seqscan = off; set plan_cache_mode = force_generic_plan');
  return async (statement) => {
    const parameters = new Set(statement.match(/\$\d+/g)).size;
    await client.query(`deallocate all; prepare asked as ${statement}`);
    const values = parameters === 0 ? '' : `(${Array(parameters).fill('null').join(', ')})`;
    const { rows } = await client.query<Record<'QUERY PLAN', string>>(`explain execute asked ${values}`);
    return rows.map((row) => row['QUERY PLAN']).filter((step) => /Seq Scan/.test(step));
  };
}
