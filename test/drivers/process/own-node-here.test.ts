import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fillHere } from '../../../src/drivers/process/supervisor/own-node-here.ts';

test('a Node of a lost data directory is taken from the present one, or is the one that runs', (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-node-here-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const kept = join(dataDir, 'node', 'v1.2.3');
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, 'node'), '');
  const filled = (text: string) => fillHere(text, { port: 1, replicaDir: '/r', releaseDir: '/b', dataDir });
  assert.equal(filled('/lost/node/v1.2.3/node'), join(kept, 'node'));
  assert.equal(filled('{{dataDir}}/node/v1.2.3/node'), join(kept, 'node'));
  assert.equal(filled(`/a:/lost/node/v1.2.3:/usr/bin`), `/a:${kept}:/usr/bin`);
  const running = `{{dataDir}}/node/${process.version}`;
  assert.equal(filled(`/usr/bin:${running}`), `/usr/bin:${dirname(process.execPath)}`);
  // Nothing else is touched: what is there, and Nodes that no data directory keeps.
  const other = mkdtempSync(join(tmpdir(), 'openstage-node-there-'));
  t.after(() => rmSync(other, { recursive: true }));
  mkdirSync(join(other, 'node', 'v1.2.3'), { recursive: true });
  for (const text of [
    join(other, 'node', 'v1.2.3', 'node'),
    '/lost/versions/node/v1.2.3/bin/node',
    '/lost/node/v1/x',
  ])
    assert.equal(filled(text), text);
  assert.equal(filled('/lost/node/v9.9.9/node'), join(dataDir, 'node', 'v9.9.9', 'node'));
});
