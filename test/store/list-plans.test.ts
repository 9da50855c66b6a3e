import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { applicationId, componentId } from '../../src/domain/ids.ts';
import { listApplications } from '../../src/store/applications.ts';
import { listComponents } from '../../src/store/components.ts';
import { listEnvironments } from '../../src/store/environments.ts';
import { listInstances } from '../../src/store/instance-lists.ts';
import { findInstance } from '../../src/store/instances.ts';
import type { Store } from '../../src/store/open.ts';
import type { Paging } from '../../src/store/paging.ts';
import { databases } from './databases.ts';
import { aProject, storeInstance } from './records.ts';

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
