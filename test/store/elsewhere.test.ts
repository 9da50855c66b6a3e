import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { Client } from 'pg';
import { applicationId, environmentId, instanceId, projectId } from '../../src/domain/ids.ts';
import { insertApplication, listApplications } from '../../src/store/applications.ts';
import { insertEnvironment, listEnvironments } from '../../src/store/environments.ts';
import { UniqueViolation } from '../../src/store/faults.ts';
import { findFact, setFact } from '../../src/store/facts.ts';
import { listInstances } from '../../src/store/instance-lists.ts';
import { findInstance } from '../../src/store/instances.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import type { Page, Paging } from '../../src/store/paging.ts';
import { unique } from '../../src/store/tables.ts';
import { listWatched } from '../../src/store/watched.ts';
import { databases, databasesOn, silentLog, type Kind } from './databases.ts';
import { ELSEWHERE, findServer, startCluster } from './postgres-cluster.ts';
import { aProject, storeInstance } from './records.ts';
import { cases, seedOf } from './seeds.ts';
import { timers } from './timer-statements.ts';

/** Those that a rule of some language, or a fold of capitals, would order or take for one another otherwise. */
const NAMES = [
  ...['I', 'i', 'ı', 'İ', 'Z', 'a', 'ä', 'z', 'ÿ', 'ﬀ', 'ff', 'ß', 'ss', '\ue000', '😀'],
  ...['-a', '_a', 'a b', 'a-b', 'ab', 'aB', '0', '10', '9', 'é', 'e\u0301'],
];

const common = { project: aProject, enterpriseProjectId: '0', creator: 'admin', createTime: 1_000 };

const anApplication = (name: string, project = aProject) => ({
  ...common,
  project,
  id: applicationId(`${project}/${name}`),
  name,
});

const anEnvironment = (name: string) => ({
  ...common,
  id: environmentId(name),
  name,
  chargeMode: 'provided',
  deployMode: 'mixed',
  vpcId: 'vpc-1',
  baseResources: [],
  optionalResources: [],
});

/** By the smallest pages that overlap or leave something out where ties or the order are not the same each time. */
async function walked<T extends { readonly id: string }>(
  list: (paging: Paging) => Promise<Page<T>>,
  order: 'asc' | 'desc',
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const { items } = await list({ limit: 3, offset: ids.length, orderBy: 'name', order });
    if (items.length === 0) return ids;
    ids.push(...items.map(({ id }) => String(id)));
  }
}

if (databases().length > 1) {
  const [sqlite] = databases();
  const bin = findServer();
  assert.ok(sqlite && bin);
  const cluster = await startCluster(bin, ELSEWHERE);
  after(() => cluster.stop());
  const postgres = databasesOn(cluster.url('postgres'));
  const both = async (t: TestContext): Promise<readonly [Store, Store]> => {
    const opened = async (kind: Kind) => (await kind.create(t)).open();
    return [await opened(sqlite), await opened(postgres)];
  };
  /** Does the same on SQLite and on PostgreSQL elsewhere, and expects the same of it. */
  const same = async <T>(t: TestContext, work: (store: Store) => Promise<T>): Promise<T> => {
    const [here, there] = await Promise.all((await both(t)).map(work));
    assert.ok(here !== undefined);
    assert.deepEqual(there, here);
    return here;
  };

  test('the server is elsewhere: it sorts, folds and tells the time otherwise', async (t) => {
    const client = new Client({ connectionString: cluster.url('postgres') });
    await client.connect();
    t.after(() => client.end());
    const { rows } = await client.query(
      "select 'Z' < 'a' as by_bytes, lower('I') as small, to_timestamp(0)::text as time",
    );
    assert.deepEqual(rows, [{ by_bytes: false, small: 'ı', time: '01.01.1970 05:30:00 IST' }]);
  });

  test('names are listed and paged in the same order, whatever the locale of the server', async (t) => {
    const listed = await same(t, async (store) => {
      await store.write(async (tx) => {
        for (const name of NAMES) {
          await insertApplication(tx, anApplication(name));
          await storeInstance(tx, { id: instanceId(name), name });
        }
      });
      return {
        up: await walked((paging) => listApplications(store.read, aProject, paging), 'asc'),
        down: await walked((paging) => listApplications(store.read, aProject, paging), 'desc'),
        instances: await walked((paging) => listInstances(store.read, { project: aProject }, paging), 'asc'),
      };
    });
    const byBytes = NAMES.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    assert.deepEqual(
      listed.up,
      byBytes.map((name) => `${aProject}/${name}`),
    );
    assert.deepEqual(listed.down, listed.up.toReversed());
    assert.deepEqual(listed.instances, byBytes);
  });

  test('any names are listed in the same order', async (t) => {
    const [here, there] = await both(t);
    const seed = seedOf(t);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 6 }), { maxLength: 12 }),
        async (names) => {
          round += 1;
          const project = projectId(`project-${round}`);
          const orders = await Promise.all(
            [here, there].map(async (store) => {
              await store.write(async (tx) => {
                for (const name of names) await insertApplication(tx, anApplication(name, project));
              });
              return walked((paging) => listApplications(store.read, project, paging), 'asc');
            }),
          );
          assert.deepEqual(orders[1], orders[0]);
        },
      ),
      { seed, numRuns: cases / 20 },
    );
  });

  test('walking on from the last id of a page leaves nothing out and repeats nothing', async (t) => {
    const walkedIds = await same(t, async (store) => {
      await store.write(async (tx) => {
        for (const name of NAMES) await storeInstance(tx, { id: instanceId(name), name });
      });
      const found: string[] = [];
      for (let page = await watched(store); page.length > 0; page = await watched(store, found.at(-1)))
        found.push(...page);
      return found;
    });
    assert.equal(walkedIds.length, NAMES.length);
    assert.equal(new Set(walkedIds).size, NAMES.length);
  });

  const watched = async (store: Store, after?: string) => {
    const from = after === undefined ? undefined : instanceId(after);
    const page = await listWatched(store.read, { driver: 'process', areAll: true, limit: 4, after: from });
    return page.map(({ id }) => String(id));
  };

  test('which names are taken for the same does not depend on the language of the server', async (t) => {
    const taken = await same(t, async (store) => {
      const refused: string[] = [];
      for (const name of NAMES)
        await store
          .write((tx) => insertEnvironment(tx, anEnvironment(name)))
          .catch((error: unknown) => {
            assert.ok(error instanceof UniqueViolation && error.constraint === unique.environmentName);
            refused.push(name);
          });
      const { count } = await listEnvironments(store.read, aProject, {
        offset: 0,
        orderBy: 'name',
        order: 'asc',
      });
      assert.equal(count, NAMES.length - refused.length);
      return refused;
    });
    assert.deepEqual(taken, ['i', 'z', 'aB']);
  });

  test('times are the milliseconds that were stored, and timers ask as elsewhere', async (t) => {
    await same(t, async (store) => {
      const createTime = 4_102_444_799_999;
      const { id, project } = await store.write((tx) =>
        storeInstance(tx, { id: instanceId('late'), name: 'late', createTime }),
      );
      const found = await findInstance(store.read, id);
      assert.deepEqual([found?.createTime, found?.updateTime], [createTime, createTime]);
      for (const ask of Object.values(timers)) await ask(store, { id, project });
      await store.write((tx) => setFact(tx, 'text', "it's \\n 'İ' 😀"));
      return findFact(store.read, 'text');
    });
  });

  for (const encoding of ['SQL_ASCII', 'LATIN1'])
    test(`a database in ${encoding} is refused with a sentence, before anything is written`, async (t) => {
      const name = `in_${encoding.toLowerCase()}`;
      const client = new Client({ connectionString: cluster.url('postgres') });
      await client.connect();
      t.after(() => client.end());
      await client.query(
        `create database ${name} encoding '${encoding}' locale_provider libc locale 'C' template template0`,
      );
      await assert.rejects(openStore({ url: cluster.url(name), dataDir: '.', log: silentLog }), {
        message:
          `The database is encoded in ${encoding}; expected UTF8, since names and logs may be in any language. ` +
          "Make another one (create database openstage encoding 'UTF8' locale 'C' template template0) and name it with --database-url.",
      });
      const inside = new Client({ connectionString: cluster.url(name) });
      await inside.connect();
      t.after(() => inside.end());
      const { rows } = await inside.query("select 1 from pg_tables where schemaname = 'public'");
      assert.equal(rows.length, 0);
    });
}
