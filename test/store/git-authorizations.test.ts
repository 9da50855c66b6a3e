import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seal } from '../../src/domain/envelope.ts';
import { authorizationStatus, type Credential } from '../../src/domain/git.ts';
import { projectId } from '../../src/domain/ids.ts';
import {
  deleteGitAuthorization,
  findGitAuthorization,
  insertGitAuthorization,
  listGitAuthorizations,
  lockGitAuthorization,
  unsealCredential,
  updateGitAuthorization,
  type GitAuthorization,
} from '../../src/store/git-authorizations.ts';
import { databases } from './databases.ts';
import { aProject } from './records.ts';

const key = { id: 'test', bytes: randomBytes(32) };
const sealed = (credential: Credential) => seal(key, JSON.stringify(credential), randomBytes(12));

const anAuthorization = (
  name: string,
  changes: Partial<GitAuthorization> = {},
): Omit<GitAuthorization, 'updateTime'> => ({
  project: aProject,
  name,
  repoType: 'gitlab',
  api: 'gitlab',
  host: 'https://git.example.org',
  home: 'https://git.example.org/ann',
  userName: 'ann',
  avatar: '',
  tokenType: 'personal',
  secret: sealed({ kind: 'token', token: 'glpat-secret' }),
  status: authorizationStatus.normal,
  creator: 'admin',
  createTime: 1_000,
  ...changes,
});

for (const { name, create } of databases()) {
  test(`${name}: an authorization is found by project and name only, and its name is given once`, async (t) => {
    const store = await (await create(t)).open();
    const one = anAuthorization('gl-ann', { tag: 'intl' });
    assert.equal(await store.write((tx) => insertGitAuthorization(tx, one)), true);
    assert.equal(await store.write((tx) => insertGitAuthorization(tx, anAuthorization('gl-ann'))), false);
    const elsewhere = anAuthorization('gl-ann', { project: projectId('other') });
    assert.equal(await store.write((tx) => insertGitAuthorization(tx, elsewhere)), true);
    const found = await findGitAuthorization(store.read, aProject, 'gl-ann');
    assert.deepEqual(found, { ...one, updateTime: 1_000 });
    assert.equal(await findGitAuthorization(store.read, aProject, 'GL-ANN'), undefined);
    assert.equal((await listGitAuthorizations(store.read, aProject, 10)).length, 1);
  });

  test(`${name}: a credential is stored sealed, is replaced, and goes with its authorization`, async (t) => {
    const store = await (await create(t)).open();
    const one = anAuthorization('gl-ann');
    await store.write((tx) => insertGitAuthorization(tx, one));
    const rows = await store.read.selectFrom('git_authorizations').selectAll().execute();
    assert.doesNotMatch(JSON.stringify(rows), /glpat-secret/);
    const found = await findGitAuthorization(store.read, aProject, 'gl-ann');
    assert.ok(found);
    assert.deepEqual(unsealCredential(key, found), { kind: 'token', token: 'glpat-secret' });
    const secret = sealed({ kind: 'oauth', token: 'new', refreshToken: 'again', expireTime: 5 });
    await store.write((tx) =>
      updateGitAuthorization(tx, aProject, 'gl-ann', {
        secret,
        status: authorizationStatus.overdue,
        updateTime: 2_000,
      }),
    );
    const changed = await store.write((tx) => lockGitAuthorization(tx, aProject, 'gl-ann'));
    assert.deepEqual(changed, { ...one, secret, status: authorizationStatus.overdue, updateTime: 2_000 });
    assert.equal(await store.write((tx) => deleteGitAuthorization(tx, aProject, 'gl-ann')), true);
    assert.equal(await store.write((tx) => deleteGitAuthorization(tx, aProject, 'gl-ann')), false);
  });
}
