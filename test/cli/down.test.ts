import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { removeData } from '../../src/cli/tour/remove-data.ts';
import { running } from '../crash/processes.ts';
import { freePorts, openstage } from '../postgres/commands.ts';

interface Started {
  readonly dataDir: string;
  readonly platform: ChildProcess;
  /** All that it said so far. */
  readonly said: string[];
}

async function started(t: TestContext): Promise<Started> {
  const dataDir = mkdtempSync(join(tmpdir(), 'openstage-down-'));
  chmodSync(dataDir, 0o711);
  const words = ['bin/openstage.mjs', 'serve', '--data-dir', dataDir, ...freePorts];
  const platform = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    for (const { pid } of of(dataDir)) process.kill(pid, 'SIGKILL');
    removeData(dataDir);
  });
  const said: string[] = [];
  const lines = createInterface({ input: platform.stdout });
  await new Promise<void>((resolve, reject) => {
    platform.once('exit', (code) => reject(new Error(`The platform did not start (${code}).`)));
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('is ready')) resolve();
    });
  });
  return { dataDir, platform, said };
}

const of = (dataDir: string) => running().filter(({ command }) => command.includes(dataDir));

test('down ends a platform that runs, and all that outlives it', async (t) => {
  const { dataDir, platform, said } = await started(t);
  const ended = once(platform, 'close');
  const { code, out, err } = await openstage(['down', '--data-dir', dataDir]);
  assert.equal(code, 0, err);
  assert.match(out, /^Stopping the platform \(process \d+\)\.\nStopped the platform in /);
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(of(dataDir), []);
  assert.ok(
    said.some((line) => line.endsWith(`npx openstage down --data-dir ${dataDir}`)),
    'the last line does not name the directory',
  );
});

test('down ends a platform that hangs', async (t) => {
  const { dataDir } = await started(t);
  const hanging = of(dataDir).filter(({ command }) => command.includes(' serve '));
  assert.ok(hanging.length > 0);
  for (const { pid } of hanging) process.kill(pid, 'SIGSTOP');
  const { code, out, err } = await openstage(['down', '--data-dir', dataDir]);
  assert.equal(code, 0, err);
  assert.match(out, /It has not ended within 30 seconds and is ended by force\.\nStopped the platform in /);
  // What only started it is not in its data directory, and was stopped by this test.
  for (const { pid } of of(dataDir)) process.kill(pid, 'SIGCONT');
  assert.deepEqual(
    of(dataDir).filter(({ command }) => !command.includes(' serve ')),
    [],
  );
});

test('down where nothing was ever started says so and makes nothing', async (t) => {
  const dataDir = join(tmpdir(), `openstage-never-${process.pid}`);
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const { code, err } = await openstage(['down', '--data-dir', dataDir]);
  assert.equal(code, 1);
  assert.equal(
    err,
    `openstage: Nothing was ever started in ${dataDir}; name the data directory of the platform with --data-dir.`,
  );
  assert.equal(existsSync(dataDir), false);
});
