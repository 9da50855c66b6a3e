import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { socketPath } from '../../../src/drivers/process/supervisor/socket-path.ts';
import { TestHost, until } from './test-host.ts';

test('a supervisor is started again where the one that it found was ending', async (t) => {
  const host = new TestHost(t);
  const run = dirname(socketPath(host.dataDir));
  mkdirSync(run, { mode: 0o700 });
  // As one holds it that has closed its socket and is about to exit.
  const ending = new DatabaseSync(join(run, 'supervisor.lock'));
  ending.exec('BEGIN EXCLUSIVE');
  const opened = host.open();
  const log = join(host.dataDir, 'logs', 'supervisor.log');
  const found = () => existsSync(log) && readFileSync(log, 'utf8').includes('another supervisor runs');
  await until('its successor found it', found);
  ending.close();
  const driver = await opened;
  assert.deepEqual(await driver.observe(), []);
});
