import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from './stage.ts';

test('the reference page and all that it loads come from the platform, under a policy that allows nothing else', async (t) => {
  const stage = await openStage(t);
  const wanted = [
    ['/docs', 'text/html; charset=utf-8'],
    ['/docs/', 'text/html; charset=utf-8'],
    ['/docs/page.css', 'text/css; charset=utf-8'],
    ['/docs/page.js', 'text/javascript; charset=utf-8'],
  ] as const;
  for (const [url, type] of wanted) {
    const answer = await stage.send({ method: 'GET', url });
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, type], url);
    const policy = String(answer.headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.ok(!policy.includes('unsafe'), policy);
    assert.doesNotMatch(answer.raw, /https?:\/\//, `${url} names another host`);
    assert.doesNotMatch(
      answer.raw,
      /innerHTML|outerHTML|insertAdjacent|document\.write|\bstyle=|\bon\w+=/,
      url,
    );
    for (const [, link = ''] of answer.raw.matchAll(/(?:href|src)="([^"]+)"/g)) {
      assert.equal((await stage.send({ method: 'GET', url: link })).status, 200, link);
    }
  }
});
