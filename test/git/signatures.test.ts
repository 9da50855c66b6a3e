import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { announcedBy } from '../../src/git/pushes.ts';
import { isGenuine } from '../../src/git/signatures.ts';

const body = Buffer.from('Hello, World!');
const secret = "It's a Secret to Everybody";
/** The example of GitHub's documentation. */
const sum = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
const now = Date.parse('2026-01-01T00:00:00Z');
const gitee = (at: number) => createHmac('sha256', secret).update(`${at}\n${secret}`).digest('base64');

const genuine = [
  ['github', { 'x-hub-signature-256': `sha256=${sum}` }],
  ['gitea', { 'x-hub-signature-256': `sha256=${sum}` }],
  ['gitea', { 'x-gitea-signature': sum }],
  ['gitea', { 'x-forgejo-signature': sum }],
  ['bitbucket', { 'x-hub-signature': `sha256=${sum}` }],
  ['gitlab', { 'x-gitlab-token': secret }],
  ['gitee', { 'x-gitee-timestamp': String(now), 'x-gitee-token': gitee(now) }],
  ['gitee', { 'x-gitee-timestamp': String(now), 'x-gitee-token': encodeURIComponent(gitee(now)) }],
] as const;

test('each host signs by a rule of its own', () => {
  for (const [api, headers] of genuine)
    assert.equal(isGenuine(api, { headers, body }, { secret, now }), true, JSON.stringify([api, headers]));
});

test('a changed body, another secret, a rule of another host and no signature are refused', () => {
  for (const [api, headers] of genuine) {
    assert.equal(isGenuine(api, { headers, body }, { secret: 'another', now }), false, api);
    assert.equal(isGenuine(api, { headers: {}, body }, { secret, now }), false, api);
    const changed = isGenuine(api, { headers, body: Buffer.from('Hello, World?') }, { secret, now });
    // GitLab and Gitee do not sign the body.
    assert.equal(changed, api === 'gitlab' || api === 'gitee', api);
  }
  const token = { headers: { 'x-gitlab-token': secret }, body };
  for (const api of ['github', 'gitea', 'bitbucket', 'gitee', 'devcloud'] as const)
    assert.equal(isGenuine(api, token, { secret, now }), false, api);
  const broken = { 'x-gitee-timestamp': String(now), 'x-gitee-token': '%E0%A4%A' };
  assert.equal(isGenuine('gitee', { headers: broken, body }, { secret, now }), false);
});

test("Gitee's word is good for an hour", () => {
  const at = (timestamp: number) => ({
    headers: { 'x-gitee-timestamp': String(timestamp), 'x-gitee-token': gitee(timestamp) },
    body,
  });
  const hour = 60 * 60_000;
  assert.equal(isGenuine('gitee', at(now - hour), { secret, now }), true);
  for (const odd of [now - hour - 1, now + hour + 1, NaN])
    assert.equal(isGenuine('gitee', at(odd), { secret, now }), false, String(odd));
});

test('a delivery announces the branches that were pushed, as each host writes it', () => {
  const sha = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
  const pushes = [{ branch: 'a/b', sha }];
  const plain = { ref: 'refs/heads/a/b', after: sha };
  const told = (api: 'github' | 'gitea' | 'gitlab' | 'gitee', header: string, event: string, more: object) =>
    announcedBy(api, { [header]: event }, { ...plain, ...more });
  const repository = { repository: { default_branch: 'main' } };
  const expected = { pushes, defaultBranch: 'main' };
  assert.deepEqual(told('github', 'x-github-event', 'push', repository), expected);
  assert.deepEqual(told('gitea', 'x-gitea-event', 'push', repository), expected);
  assert.deepEqual(told('gitea', 'x-forgejo-event', 'push', repository), expected);
  assert.deepEqual(
    told('gitlab', 'x-gitlab-event', 'Push Hook', { project: { default_branch: 'main' } }),
    expected,
  );
  assert.deepEqual(told('gitee', 'x-gitee-event', 'Push Hook', repository), expected);
  const change = (type: string, name: string) => ({ new: { type, name, target: { hash: sha } } });
  const changes = [change('branch', 'a/b'), change('tag', 'v1'), { new: null }];
  assert.deepEqual(announcedBy('bitbucket', { 'x-event-key': 'repo:push' }, { push: { changes } }), {
    pushes,
  });
  for (const odd of [undefined, null, 7, [], {}, { ref: {} }, { ref: 'refs/heads/a', after: 'no sha' }])
    assert.deepEqual(announcedBy('github', { 'x-github-event': 'push' }, odd), { pushes: [] });
});
