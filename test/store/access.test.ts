import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from 'pg';
import { seedPlatform } from '../../src/actions/seed-platform.ts';
import { seal, unseal } from '../../src/domain/envelope.ts';
import { domainId, hostId, projectId, userId } from '../../src/domain/ids.ts';
import {
  deleteAccessKey,
  findAccessKey,
  insertAccessKey,
  listAccessKeys,
  updateAccessKey,
} from '../../src/store/access-keys.ts';
import { migratePostgres, migrateSqlite } from '../../src/store/migrate.ts';
import { firstTables } from '../../src/store/migrations/0001-first-tables.ts';
import type { Store } from '../../src/store/open.ts';
import { countDomainHolders, grantRole, listGrants, revokeRole } from '../../src/store/role-assignments.ts';
import { SqliteConnection } from '../../src/store/sqlite.ts';
import {
  deleteTemporaryKeysExpiredBefore,
  deleteTemporaryKeysOfUser,
  findTemporaryKey,
  insertTemporaryKey,
} from '../../src/store/temporary-keys.ts';
import { insertDomain } from '../../src/store/projects.ts';
import { deleteUser, insertUser, updateUser } from '../../src/store/users.ts';
import { databases, type TestDatabase } from './databases.ts';

const domain = domainId('d1');
const ann = userId('u1');
const secret = { keyId: 'k', nonce: 'n', data: 'd' };

async function withUser(store: Store): Promise<void> {
  await store.write(async (tx) => {
    await insertDomain(tx, { id: domain, name: 'openstage' });
    await insertUser(tx, { id: ann, domain, name: 'ann', passwordHash: 'x', isEnabled: true, createTime: 1 });
  });
}

/** The tables as the first release made them, with an administrator. */
async function firstRelease({ url, dataDir }: TestDatabase): Promise<void> {
  const rows = [
    "insert into facts (name, value) values ('region', 'local')",
    "insert into domains (id, name) values ('d1', 'openstage')",
    "insert into projects (id, domain_id, name, create_time) values ('p1', 'd1', 'local', 1)",
    "insert into users (id, domain_id, name, password_hash, enabled, create_time) values ('u1', 'd1', 'admin', 'x', 1, 7)",
    "insert into tokens (hash, user_id, project_id, issue_time, expire_time) values ('h', 'u1', 'p1', 1, 2)",
  ];
  const list = [firstTables];
  if (url !== undefined) {
    await migratePostgres({ url, onIdleFault: () => {} }, () => {}, list);
    const client = new Client({ connectionString: url });
    await client.connect();
    for (const row of rows) await client.query(row);
    await client.end();
    return;
  }
  const connection = new SqliteConnection(join(dataDir, 'openstage.db'), false);
  await migrateSqlite(connection, () => {}, list);
  for (const row of rows) connection.exec(row);
  connection.close();
}

for (const { name, create } of databases()) {
  test(`${name}: a data directory of the first release opens: nobody is locked out, and its administrator gets a key, once`, async (t) => {
    const database = await create(t, { migrated: false });
    await firstRelease(database);
    const store = await database.open();
    assert.deepEqual(await listGrants(store.read, ann), [{ role: 'te_admin' }]);
    const key = { id: 'k', bytes: randomBytes(32) };
    const pairs = [
      { access: 'AK1', secret: 'SK1' },
      { access: 'AK2', secret: 'SK2' },
    ];
    const seed = (region = 'local') =>
      seedPlatform(store, {
        region,
        host: { id: hostId('h1'), name: 'here' },
        adminPasswordHash: async () => 'y',
        adminKey: () => pairs.shift() ?? { access: 'AK3', secret: 'SK3' },
        key,
        nonce: randomBytes(12),
        now: 9,
        newId: () => 'an-id',
      });
    assert.deepEqual(await seed(), { project: 'p1', admin: 'u1' });
    const made = await findAccessKey(store.read, 'AK1');
    assert.ok(made);
    assert.equal(unseal(key, made.secret), 'SK1');
    // A key that was removed does not come back.
    await store.write((tx) => deleteAccessKey(tx, 'AK1'));
    await seed();
    assert.deepEqual(await listAccessKeys(store.read, ann), []);
    await assert.rejects(seed('elsewhere'), /OPENSTAGE_REGION is "elsewhere".*"local", which is fixed/);
  });

  test(`${name}: access keys are listed by age, change, and go with their user`, async (t) => {
    const store = await (await create(t)).open();
    await withUser(store);
    const key = (access: string, createTime: number) => ({
      access,
      user: ann,
      secret: seal({ id: 'k', bytes: Buffer.alloc(32) }, 's', Buffer.alloc(12)),
      description: 'd',
      isActive: true,
      createTime,
    });
    await store.write(async (tx) => {
      await insertAccessKey(tx, key('B', 1));
      await insertAccessKey(tx, key('A', 2));
    });
    assert.deepEqual(await listAccessKeys(store.read, ann), [key('B', 1), key('A', 2)]);
    await store.write((tx) => updateAccessKey(tx, 'A', { isActive: false, description: '', lastUseTime: 5 }));
    const changed = { ...key('A', 2), isActive: false, description: '', lastUseTime: 5 };
    assert.deepEqual(await findAccessKey(store.read, 'A'), changed);
    await store.write((tx) => deleteUser(tx, ann));
    assert.equal(await findAccessKey(store.read, 'B'), undefined);
  });

  test(`${name}: temporary keys go with their time and with their user`, async (t) => {
    const store = await (await create(t)).open();
    await withUser(store);
    const key = (access: string, expireTime: number) => ({
      access,
      user: ann,
      secret,
      tokenHash: 'h',
      issueTime: 1,
      expireTime,
    });
    const scoped = { ...key('B', 3), project: projectId('p1') };
    await store.write(async (tx) => {
      for (const one of [key('A', 2), scoped, key('C', 4)]) await insertTemporaryKey(tx, one);
    });
    assert.deepEqual(await findTemporaryKey(store.read, 'B'), scoped);
    assert.equal(await store.write((tx) => deleteTemporaryKeysExpiredBefore(tx, 3)), 1);
    assert.equal(await findTemporaryKey(store.read, 'A'), undefined);
    await store.write((tx) => deleteTemporaryKeysOfUser(tx, ann));
    assert.equal(await findTemporaryKey(store.read, 'C'), undefined);
  });

  test(`${name}: a role is given once, for a project or the domain, and taken away`, async (t) => {
    const store = await (await create(t)).open();
    await withUser(store);
    const project = projectId('p1');
    await store.write(async (tx) => {
      for (let n = 0; n < 2; n += 1) await grantRole(tx, ann, { project }, 'svcstg_reader', 1);
      await grantRole(tx, ann, { domain }, 'te_admin', 1);
    });
    assert.deepEqual(await listGrants(store.read, ann), [
      { role: 'svcstg_reader', project },
      { role: 'te_admin' },
    ]);
    assert.equal(await countDomainHolders(store.read, domain, 'te_admin'), 1);
    const revoke = () => store.write((tx) => revokeRole(tx, ann, { project }, 'svcstg_reader'));
    assert.deepEqual([await revoke(), await revoke()], [true, false]);
    await store.write((tx) => updateUser(tx, ann, { isEnabled: false }));
    assert.equal(await countDomainHolders(store.read, domain, 'te_admin'), 0);
    await store.write((tx) => deleteUser(tx, ann));
    assert.deepEqual(await listGrants(store.read, ann), []);
  });
}
