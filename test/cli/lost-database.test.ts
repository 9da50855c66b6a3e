import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';

const program = 'bin/openstage.mjs';

for (const found of ['no database', 'an empty one']) {
  test(`beside replicas of before, ${found} is refused at start`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'openstage-lost-'));
    chmodSync(dataDir, 0o711);
    mkdirSync(join(dataDir, 'replicas', randomUUID()), { recursive: true });
    const database = join(dataDir, 'openstage.db');
    if (found !== 'no database') {
      writeFileSync(database, '');
      writeFileSync(join(dataDir, 'key'), `${randomUUID()} ${'A'.repeat(43)}=\n`);
    }
    const ports = ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'];
    const child = spawn(
      process.execPath,
      [program, 'serve', '--data-dir', dataDir, '--ephemeral', ...ports],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const ended = once(child, 'exit');
    t.after(async () => {
      child.kill('SIGTERM');
      await ended;
      removeData(dataDir);
    });
    const said = text(child.stderr);
    const started = once(child.stdout, 'data').then(() => 'it started');
    started.catch(() => {});
    const outcome = await Promise.race([ended, started]);
    assert.notEqual(outcome, 'it started');
    const what = found === 'no database' ? `There is no database ${database}` : 'The database is empty';
    assert.equal(
      (await said).trim(),
      `openstage: ${what}, but the data directory ${dataDir} has been used before (${dataDir}/replicas is not empty), and its applications may still run. ` +
        'Put the database back from a backup, or name it with --database-url if it is elsewhere. ' +
        `If it is gone for good, stop what runs with "openstage down --data-dir ${dataDir}", ` +
        'and start with a new data directory, or remove replicas, builds and artifacts from this one first.',
    );
    assert.deepEqual(outcome, [1, null]);
    if (found === 'no database') assert.ok(!existsSync(database), 'none was made');
  });
}
