import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { test } from 'node:test';

const ports = (ingress: number) =>
  ['--http-port', '0', '--https-port', '0', '--ingress-port', String(ingress)] as const;

test('a platform that cannot start says why and ends', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-serve-'));
  chmodSync(dataDir, 0o711);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  t.after(async () => {
    taken.close();
    const down = spawn(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', dataDir]);
    assert.deepEqual(await once(down, 'exit'), [0, null]);
    removeData(dataDir);
  });

  const words = ['bin/openstage.mjs', 'serve', '--data-dir', dataDir, ...ports(address.port)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const said = await text(child.stderr);
  assert.deepEqual(await ended, [1, null]);
  assert.match(said, /^openstage: The ingress cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/);
});
