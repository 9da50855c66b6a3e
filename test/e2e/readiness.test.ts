import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPlatform } from '../../src/cli/running-platform.ts';
import { OwnPlatform } from '../../src/cli/tour/own-platform.ts';
import { daemon } from '../crash/processes.ts';

const MOST_MS = 60_000;

test('a platform whose supervisor or proxy hangs lives, but is not ready, and says which it lacks', async (t) => {
  const own = await OwnPlatform.start();
  t.after(() => own.stop());
  const { httpUrl } = findPlatform(own.dataDir);
  const ready = async () => {
    const answer = await fetch(`${httpUrl}/readyz`);
    return {
      status: answer.status,
      text: await answer.text(),
      retryAfter: answer.headers.get('Retry-After'),
    };
  };
  assert.equal((await ready()).status, 200);
  for (const [kind, sentence] of [
    ['supervisor', /The supervisor of this host cannot be reached/],
    ['proxy', /The ingress proxy cannot be reached/],
  ] as const) {
    const pid = daemon(kind, own.dataDir);
    assert.ok(pid !== undefined, `no ${kind} runs`);
    process.kill(pid, 'SIGSTOP');
    try {
      const { status, text, retryAfter } = await ready();
      assert.equal(status, 503, text);
      assert.match(text, sentence);
      assert.match(retryAfter ?? '', /^\d+$/);
      assert.equal((await fetch(`${httpUrl}/healthz`)).status, 200);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const end = Date.now() + MOST_MS;
    while ((await ready()).status !== 200) assert.ok(Date.now() < end, `it is never ready after the ${kind}`);
  }
});
