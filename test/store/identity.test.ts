import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainId, hostId, jobId, projectId, userId } from '../../src/domain/ids.ts';
import { deleteAuditBefore, insertAudit, listAudit } from '../../src/store/audit.ts';
import { findFact, fixFact, setFact } from '../../src/store/facts.ts';
import { UniqueViolation } from '../../src/store/faults.ts';
import { listHosts, upsertHost } from '../../src/store/hosts.ts';
import type { Store } from '../../src/store/open.ts';
import {
  findDomain,
  findDomainByName,
  findProject,
  findProjectByName,
  insertDomain,
  insertProject,
  listProjects,
} from '../../src/store/projects.ts';
import { unique } from '../../src/store/tables.ts';
import {
  deleteToken,
  deleteTokensExpiredBefore,
  deleteTokensOfUser,
  findToken,
  insertToken,
} from '../../src/store/tokens.ts';
import {
  deleteUser,
  findUser,
  findUserByName,
  insertUser,
  listUsers,
  updateUser,
} from '../../src/store/users.ts';
import { databases } from './databases.ts';

const violates = (constraint: string) => (error: unknown) =>
  error instanceof UniqueViolation && error.constraint === constraint;

const domain = domainId('d1');
const admin = {
  id: userId('u1'),
  domain,
  name: 'admin',
  passwordHash: 'scrypt$…',
  isEnabled: true,
  createTime: 1_000,
  details: {},
};

async function withAdmin(store: Store): Promise<void> {
  await store.write(async (tx) => {
    await insertDomain(tx, { id: domain, name: 'openstage' });
    await insertUser(tx, admin);
  });
}

for (const { name, create } of databases()) {
  test(`${name}: a project is found by its id, and by its name within its domain`, async (t) => {
    const store = await (await create(t)).open();
    await withAdmin(store);
    const project = { id: projectId('p1'), domain, name: 'local', createTime: 1_000, description: 'd' };
    await store.write((tx) => insertProject(tx, project));
    assert.deepEqual(await findDomain(store.read, domain), await findDomainByName(store.read, 'openstage'));
    assert.deepEqual(await findProject(store.read, project.id), project);
    assert.deepEqual(await findProjectByName(store.read, domain, 'local'), project);
    assert.equal(await findProjectByName(store.read, domainId('other'), 'local'), undefined);
    assert.deepEqual(await listProjects(store.read, domain), [project]);
    await assert.rejects(
      store.write((tx) => insertProject(tx, { ...project, id: projectId('p2') })),
      violates(unique.projectName),
    );
  });

  test(`${name}: a user can be disabled and given another password; a name is there once`, async (t) => {
    const store = await (await create(t)).open();
    await withAdmin(store);
    await assert.rejects(
      store.write((tx) => insertUser(tx, { ...admin, id: userId('u2') })),
      violates(unique.userName),
    );
    await store.write((tx) => updateUser(tx, admin.id, { isEnabled: false }));
    await store.write((tx) => updateUser(tx, admin.id, { passwordHash: 'new' }));
    const details = {
      description: 'd',
      email: 'a@b',
      areaCode: '86',
      phone: '1',
      accessMode: 'default',
      defaultProject: 'p',
    };
    await store.write((tx) => updateUser(tx, admin.id, { details }));
    const changed = { ...admin, isEnabled: false, passwordHash: 'new', details };
    assert.deepEqual(await findUser(store.read, admin.id), changed);
    assert.deepEqual(await findUserByName(store.read, domain, 'admin'), changed);
    assert.deepEqual(await listUsers(store.read, domain), [changed]);
  });

  test(`${name}: tokens go one by one, with their time, and with their user`, async (t) => {
    const store = await (await create(t)).open();
    await withAdmin(store);
    const token = (hash: string, expireTime: number) => ({
      hash,
      user: admin.id,
      issueTime: 1_000,
      expireTime,
      methods: ['password', 'token'],
      isTemporary: true,
    });
    const scoped = { ...token('b', 3_000), project: projectId('p1') };
    await store.write(async (tx) => {
      for (const one of [token('a', 2_000), scoped, token('c', 4_000), token('d', 5_000)])
        await insertToken(tx, one);
    });
    assert.deepEqual(await findToken(store.read, 'b'), scoped);
    assert.deepEqual(await findToken(store.read, 'c'), token('c', 4_000));
    assert.equal(await store.write((tx) => deleteTokensExpiredBefore(tx, 3_000)), 1);
    assert.equal(await findToken(store.read, 'a'), undefined);
    await store.write((tx) => deleteToken(tx, 'b'));
    assert.equal(await findToken(store.read, 'b'), undefined);
    await store.write((tx) => deleteTokensOfUser(tx, admin.id));
    assert.equal(await findToken(store.read, 'c'), undefined);
    await store.write((tx) => insertToken(tx, token('e', 5_000)));
    await store.write((tx) => deleteUser(tx, admin.id));
    assert.equal(await findToken(store.read, 'e'), undefined);
  });

  test(`${name}: what is fixed at first start stays, and other facts can be set anew`, async (t) => {
    const store = await (await create(t)).open();
    const fix = (value: string) => store.write((tx) => fixFact(tx, 'region', value));
    assert.deepEqual([await fix('local'), await fix('elsewhere')], ['local', 'local']);
    await store.write((tx) => setFact(tx, 'version', '1'));
    await store.write((tx) => setFact(tx, 'version', '2'));
    assert.equal(await findFact(store.read, 'version'), '2');
    assert.equal(await findFact(store.read, 'unknown'), undefined);
  });

  test(`${name}: a host keeps its id and the time of its first start when its name changes`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) => upsertHost(tx, { id: hostId('h2'), name: 'b', createTime: 2_000 }));
    await store.write((tx) => upsertHost(tx, { id: hostId('h1'), name: 'a', createTime: 1_000 }));
    await store.write((tx) => upsertHost(tx, { id: hostId('h1'), name: 'renamed', createTime: 9_000 }));
    assert.deepEqual(await listHosts(store.read), [
      { id: 'h1', name: 'renamed', createTime: 1_000 },
      { id: 'h2', name: 'b', createTime: 2_000 },
    ]);
  });

  test(`${name}: the audit is read newest first, by project, and old entries go`, async (t) => {
    const store = await (await create(t)).open();
    const entry = (id: string, time: number) => ({
      id,
      project: projectId('p1'),
      user: admin.id,
      action: 'scale-instance',
      object: 'i1',
      request: 'r1',
      time,
    });
    const withJob = { ...entry('3', 3_000), job: jobId('j1'), credential: 'AK1', source: '10.0.0.9' };
    const { project: _, ...withoutProject } = entry('4', 4_000);
    await store.write(async (tx) => {
      for (const one of [entry('1', 1_000), entry('2', 2_000), withJob, withoutProject])
        await insertAudit(tx, one);
    });
    const page = await listAudit(store.read, projectId('p1'), { limit: 2, offset: 0 });
    assert.deepEqual(page, { count: 3, items: [withJob, entry('2', 2_000)] });
    assert.equal(await store.write((tx) => deleteAuditBefore(tx, 2_000, 100)), 1);
    assert.equal((await listAudit(store.read, projectId('p1'), { offset: 0 })).count, 2);
  });
}
