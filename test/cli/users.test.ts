import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';

const program = 'bin/openstage.mjs';

function serve(t: TestContext, ...more: readonly string[]) {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-users-'));
  chmodSync(dataDir, 0o711);
  const ports = ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'];
  const child = spawn(process.execPath, [program, 'serve', '--data-dir', dataDir, ...ports, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    const down = spawn(process.execPath, [program, 'down', '--data-dir', dataDir], { stdio: 'ignore' });
    await once(down, 'exit');
    removeData(dataDir);
  });
  return { dataDir, child, ended, said: text(child.stderr) };
}

async function ready({ child, said }: ReturnType<typeof serve>): Promise<void> {
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('is ready')) return;
  assert.fail(`it ended before it was ready: ${await said}`);
}

const outcome = (started: ReturnType<typeof serve>) =>
  Promise.race([
    started.ended,
    ready(started).then(
      () => 'it started',
      () => started.ended,
    ),
  ]);

const isRoot = process.getuid?.() === 0;

test('a platform is not started with the numeric users of another one', async (t) => {
  if (!isRoot) {
    t.diagnostic('needs root: nobody else has numeric users to give');
    assert.notEqual(process.env['OPENSTAGE_TEST_ALL'], '1');
    return;
  }
  const low = 1_000_000_000 + Math.floor(Math.random() * 500_000_000);
  t.diagnostic(`users from ${low}`);
  const one = serve(t, '--app-users', `${low}-${low + 999}`);
  await ready(one);
  const two = serve(t, '--app-users', `${low + 500}-${low + 1500}`);
  assert.deepEqual(await outcome(two), [2, null]);
  assert.equal(
    (await two.said).trim(),
    `openstage: The users ${low + 500}-${low + 1500} are already used by the platform of ${one.dataDir}; ` +
      'give this one another range with --app-users.',
  );

  // Its supervisor and its proxy outlive it, and are its users.
  one.child.kill('SIGTERM');
  await one.ended;
  const three = serve(t, '--app-users', `${low}-${low + 999}`);
  assert.deepEqual(await outcome(three), [2, null]);
  assert.match(await three.said, /already used by the platform of/);
});
