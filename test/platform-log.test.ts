import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LogFile } from '../src/platform-log.ts';

/** Where a test mounts a file system that fills up. */
const SMALL = 'small';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'openstage-log-'));
  t.after(() => {
    spawnSync('umount', ['--lazy', '--quiet', join(folder, SMALL)]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function write(file: LogFile, ...lines: readonly string[]): Promise<void> {
  for (const line of lines) file.write(`${line}\n`);
  await turn();
  await turn();
}

test('the log is bounded in size and number of files, and the newest lines are kept', async (t) => {
  const folder = folderOf(t);
  const file = new LogFile(join(folder, 'platform.log'), { maxBytes: 1_000, kept: 2 });
  for (let at = 0; at < 200; at += 1) await write(file, `line ${at} ${'x'.repeat(90)}`);
  file.close();
  const names = readdirSync(folder).toSorted();
  assert.deepEqual(names, ['platform.log', 'platform.log.1', 'platform.log.2']);
  for (const name of names) assert.ok(statSync(join(folder, name)).size <= 1_200, name);
  const all = names.map((name) => readFileSync(join(folder, name), 'utf8')).join('');
  assert.match(all, /line 199 /);
  assert.doesNotMatch(all, /line 0 /);
});

test('a log that was moved away is written anew after it is reopened', async (t) => {
  const path = join(folderOf(t), 'platform.log');
  const file = new LogFile(path);
  await write(file, 'before');
  renameSync(path, `${path}.moved`);
  file.reopen();
  await write(file, 'after');
  file.close();
  assert.equal(readFileSync(`${path}.moved`, 'utf8'), 'before\n');
  assert.equal(readFileSync(path, 'utf8'), 'after\n');
});

test('on a full disk lines are lost and counted, nothing throws, and writing goes on once there is room', async (t) => {
  const folder = join(folderOf(t), SMALL);
  mkdirSync(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  if (mounted.status !== 0) {
    assert.notEqual(process.env['OPENSTAGE_TEST_ALL'], '1', 'a small file system needs root');
    t.diagnostic('left out: a small file system needs root');
    return;
  }
  const file = new LogFile(join(folder, 'platform.log'));
  await write(file, 'before');
  const filler = join(folder, 'filler');
  try {
    writeFileSync(filler, Buffer.alloc(64 * 1024));
  } catch {
    // As full as it gets.
  }
  for (let at = 0; at < 100; at += 1) await write(file, `lost ${at} ${'x'.repeat(1_000)}`);
  rmSync(filler);
  await write(file, 'after');
  file.close();
  const text = readFileSync(join(folder, 'platform.log'), 'utf8');
  assert.match(text, /^before\n/);
  assert.match(text, /\d+ lines could not be written and are lost/);
  assert.match(text, /\nafter\n$/);
});

test('a program that ends at once leaves its last lines, and no other error than its own', (t) => {
  const folder = folderOf(t);
  const program = `
    import { openPlatformLog } from ${JSON.stringify(new URL('../src/platform-log.ts', import.meta.url).href)};
    openPlatformLog({ dataDir: ${JSON.stringify(folder)}, logLevel: 'info' }).log.info('the last line');
    process.exit(3);`;
  const { status, stderr } = spawnSync(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '--eval',
    program,
  ]);
  assert.equal(status, 3);
  assert.equal(stderr.toString(), '');
  assert.match(readFileSync(join(folder, 'logs', 'platform.log'), 'utf8'), /the last line/);
});
