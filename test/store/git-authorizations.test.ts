import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seal } from '../../src/domain/envelope.ts';
import { authorizationStatus, type Credential } from '../../src/domain/git.ts';
import { projectId } from '../../src/domain/ids.ts';
import { findCloneCredential } from '../../src/git/clone-credential.ts';
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

  test(`${name}: a credential is given for repositories of its own host and for no others`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) =>
      insertGitAuthorization(tx, anAuthorization('gl-ann', { host: 'https://git.example.org/lab' })),
    );
    const parts = {
      store,
      key,
      now: () => 0,
      newNonce: () => randomBytes(12),
      reach: { allow: [] },
      hosts: {},
    };
    const ask = (repoUrl: string, project = aProject, called = 'gl-ann') =>
      findCloneCredential(parts, { project, name: called, repoUrl });
    assert.deepEqual(await ask('https://git.example.org/lab/shop/cart.git'), {
      user: 'oauth2',
      password: 'glpat-secret',
    });
    for (const url of [
      'https://evil.example/lab/shop/cart.git',
      'http://git.example.org/lab/shop/cart.git',
      'https://git.example.org:8443/lab/shop/cart.git',
      'https://git.example.org/shop/cart.git',
      'https://git.example.org/lab/../shop/cart.git',
      'https://git.example.org/lab/%2e%2e/shop/cart.git',
      'https://git.example.org@evil.example/lab/shop/cart.git',
      'https://ann:x@git.example.org/lab/shop/cart.git',
      'https://git.example.org/lab',
      'ssh://git.example.org/lab/shop/cart.git',
      'file:///lab/shop/cart.git',
    ]) {
      await assert.rejects(ask(url), { code: 'gitAuthInvalid' }, url);
    }
    await assert.rejects(ask('https://git.example.org/lab/a/b', projectId('other')), /does not exist/);
    await assert.rejects(ask('https://git.example.org/lab/a/b', aProject, 'gl-bob'), /does not exist/);
  });
}
