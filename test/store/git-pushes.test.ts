import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seal } from '../../src/domain/envelope.ts';
import { applicationId, componentId, instanceId, projectId, userId } from '../../src/domain/ids.ts';
import { insertApplication } from '../../src/store/applications.ts';
import { listCodeComponents } from '../../src/store/code-components.ts';
import { insertComponent } from '../../src/store/components.ts';
import { insertGitConsent, takeGitConsent } from '../../src/store/git-consents.ts';
import {
  deleteGitHook,
  deleteGitHookAtHost,
  findGitHook,
  nameGitHook,
  noteDelivery,
  putGitHook,
} from '../../src/store/git-hooks.ts';
import { listGitPushes, putGitPush, takeGitPush } from '../../src/store/git-pushes.ts';
import { databases } from './databases.ts';
import { aProject } from './records.ts';

const key = { id: 'test', bytes: randomBytes(32) };
const aHook = (id: string, path = 'shop/cart') => ({
  project: aProject,
  id,
  api: 'github' as const,
  host: 'https://git.example.org',
  path,
  repositories: [`git.example.org/${path}`],
  secret: seal(key, 'secret', randomBytes(12)),
  user: userId('ann'),
  userName: 'ann',
  createTime: 1_000,
});
const aPush = (instance: string, receiveTime: number, sha = 'c0ffee') => ({
  instance: instanceId(instance),
  project: aProject,
  hook: 'cart',
  user: userId('ann'),
  userName: 'ann',
  request: 'request-1',
  branch: 'main',
  sha,
  receiveTime,
});

for (const { name, create } of databases()) {
  test(`${name}: a hook is made anew for its own repository only, and tells of its last delivery`, async (t) => {
    const store = await (await create(t)).open();
    const hook = aHook('cart');
    assert.equal(await store.write((tx) => putGitHook(tx, hook)), true);
    assert.equal(await store.write((tx) => putGitHook(tx, aHook('cart', 'shop/other'))), false);
    await store.write((tx) => nameGitHook(tx, hook, '7'));
    await store.write((tx) => noteDelivery(tx, hook, { time: 2_000, text: 'A push.' }));
    assert.deepEqual(await findGitHook(store.read, aProject, 'cart'), {
      ...hook,
      remoteId: '7',
      deliveryTime: 2_000,
      delivery: 'A push.',
    });
    assert.equal(await findGitHook(store.read, projectId('other'), 'cart'), undefined);
    const elsewhere = { project: aProject, host: 'https://other.example', remoteId: '7' };
    await store.write((tx) => deleteGitHookAtHost(tx, elsewhere));
    assert.ok(await findGitHook(store.read, aProject, 'cart'));
    await store.write((tx) => deleteGitHookAtHost(tx, { ...elsewhere, host: hook.host }));
    assert.equal(await findGitHook(store.read, aProject, 'cart'), undefined);
    const again = aHook('cart', 'shop/other');
    assert.equal(await store.write((tx) => putGitHook(tx, again)), true);
    await store.write((tx) => deleteGitHook(tx, again));
    assert.equal(await findGitHook(store.read, aProject, 'cart'), undefined);
  });

  test(`${name}: an instance has one push to follow, the newest, and it is taken once`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) => putGitPush(tx, aPush('one', 1_000)));
    const [first] = await listGitPushes(store.read, 10);
    assert.ok(first);
    await store.write((tx) => putGitPush(tx, aPush('one', 2_000, 'beef')));
    await store.write((tx) => putGitPush(tx, aPush('two', 2_000)));
    assert.equal(await store.write((tx) => takeGitPush(tx, first)), false, 'a later one took its place');
    const found = await listGitPushes(store.read, 10);
    assert.deepEqual(found, [
      { ...aPush('one', 2_000, 'beef'), number: 2 },
      { ...aPush('two', 2_000), number: 1 },
    ]);
    const [one, two] = found;
    assert.ok(one && two);
    assert.deepEqual(await listGitPushes(store.read, 1, one), [two]);
    assert.deepEqual(await listGitPushes(store.read, 10, two), []);
    assert.equal(await store.write((tx) => takeGitPush(tx, one)), true);
    assert.equal(await store.write((tx) => takeGitPush(tx, one)), false);
  });

  test(`${name}: a consent is taken once, and those that were never used go with the next`, async (t) => {
    const store = await (await create(t)).open();
    const consent = (stateHash: string, expireTime: number) => ({
      stateHash,
      project: aProject,
      user: userId('ann'),
      repoType: 'gitlab',
      expireTime,
    });
    await store.write((tx) => insertGitConsent(tx, consent('old', 1_000), 0));
    const tagged = { ...consent('new', 5_000), tag: 'intl' };
    await store.write((tx) => insertGitConsent(tx, tagged, 2_000));
    assert.equal(await store.write((tx) => takeGitConsent(tx, 'old')), undefined);
    assert.deepEqual(await store.write((tx) => takeGitConsent(tx, 'new')), tagged);
    assert.equal(await store.write((tx) => takeGitConsent(tx, 'new')), undefined);
  });

  test(`${name}: components are found by their repository's name, in any case`, async (t) => {
    const store = await (await create(t)).open();
    await store.write((tx) =>
      insertApplication(tx, {
        id: applicationId('shop'),
        project: aProject,
        name: 'shop',
        enterpriseProjectId: '0',
        creator: 'ann',
        createTime: 1,
      }),
    );
    const add = (id: string, source: Parameters<typeof insertComponent>[1]['source']) =>
      store.write((tx) =>
        insertComponent(tx, {
          id: componentId(id),
          project: aProject,
          application: applicationId('shop'),
          name: id,
          runtime: 'Nodejs8',
          category: 'Webapp',
          ...(source && { source }),
          creator: 'ann',
          createTime: 1,
        }),
      );
    await add('code', {
      kind: 'code',
      spec: { repoUrl: 'https://git.example.org/Shop/Cart.git', repoRef: 'main' },
    });
    await add('other', { kind: 'code', spec: { repoUrl: 'https://git.example.org/shop/web.git' } });
    await add('package', {
      kind: 'artifact',
      spec: { storage: 'http', type: 'package', url: 'https://git.example.org/shop/cart.zip' },
    });
    await add('none', undefined);
    assert.deepEqual(await listCodeComponents(store.read, aProject, 'cart'), [
      { id: componentId('code'), repoUrl: 'https://git.example.org/Shop/Cart.git', repoRef: 'main' },
    ]);
    assert.deepEqual(await listCodeComponents(store.read, projectId('other'), 'cart'), []);
  });
}
