import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Source } from '../../../src/drivers/process/supervisor/replica-files.ts';
import { BOUNDS, rotateDir } from '../../../src/drivers/process/supervisor/rotate-dir.ts';

const isRoot = process.getuid?.() === 0;
const USER = isRoot ? 210_003 : undefined;
const AT = Date.parse('2026-11-25T16:00:00Z');
const STAMP = '20261125T160000Z';
const HOUR_MS = 3_600_000;

const own = (path: string): string => {
  if (USER !== undefined) chownSync(path, USER, USER);
  return path;
};

/** The directory of an application below one that is ours. */
function aDir(t: TestContext): { readonly above: string; readonly dir: string; readonly source: Source } {
  const above = realpathSync(mkdtempSync(join(tmpdir(), 'openstage-rotate-')));
  t.after(() => rmSync(above, { recursive: true, force: true }));
  const dir = join(above, 'logs');
  mkdirSync(dir);
  own(dir);
  const { dev: device, ino: inode } = statSync(dir);
  return { above, dir, source: { dir, device, inode } };
}

const write = (path: string, text: string): string => {
  writeFileSync(path, text);
  return own(path);
};

test('a log is copied to a part that bears the time and is emptied, the file itself staying', async (t) => {
  const { dir, source } = aDir(t);
  const log = write(join(dir, 'app.log'), 'one\ntwo\n');
  write(join(dir, 'empty.log'), '');
  const { ino } = statSync(log);
  assert.deepEqual(await rotateDir(source, USER, AT), []);
  assert.equal(readFileSync(`${log}.${STAMP}`, 'utf8'), 'one\ntwo\n');
  assert.deepEqual([statSync(log).ino, statSync(log).size], [ino, 0]);
  assert.deepEqual(readdirSync(dir).toSorted(), ['app.log', `app.log.${STAMP}`, 'empty.log']);
  assert.equal(statSync(`${log}.${STAMP}`).uid, USER ?? process.getuid?.());
  write(log, 'later\n');
  await rotateDir(source, USER, AT);
  assert.equal(readFileSync(log, 'utf8'), 'later\n', 'another replica that was first took this hour');
});

test('old parts are bounded in number and size, and the newest stay', async (t) => {
  const { dir, source } = aDir(t);
  const log = join(dir, 'app.log');
  const bounds = { ...BOUNDS, parts: 2, partBytes: 10 };
  for (let hour = 0; hour < 4; hour += 1) {
    write(log, `${'x'.repeat(100)}hour ${hour}\n`);
    await rotateDir(source, USER, AT + hour * HOUR_MS, { bounds });
  }
  const parts = readdirSync(dir).filter((name) => name !== 'app.log');
  assert.deepEqual(parts.toSorted(), ['app.log.20261125T180000Z', 'app.log.20261125T190000Z']);
  assert.equal(readFileSync(join(dir, 'app.log.20261125T190000Z'), 'utf8'), 'xxxhour 3\n');
});

test('links, second names, pipes, directories and what is put where a part goes lead nowhere', async (t) => {
  const { above, dir, source } = aDir(t);
  const victim = write(join(above, 'victim'), 'precious');
  symlinkSync(victim, join(dir, 'link.log'));
  linkSync(victim, join(dir, 'second.log'));
  mkdirSync(join(dir, 'sub'));
  write(join(dir, 'sub/deep.log'), 'deep');
  execFileSync('mkfifo', [join(dir, 'pipe.log')]);
  write(join(dir, 'app.log'), 'mine');
  symlinkSync(victim, join(dir, `app.log.${STAMP}`));
  const before = readdirSync(dir);
  await rotateDir(source, USER, AT);
  assert.deepEqual(readdirSync(dir), before);
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
  assert.equal(readFileSync(join(dir, 'app.log'), 'utf8'), 'mine');
  assert.equal(readFileSync(join(dir, 'sub/deep.log'), 'utf8'), 'deep');
  assert.ok(lstatSync(join(dir, `app.log.${STAMP}`)).isSymbolicLink());
});

test('another directory that was put in its place is left alone, as is a link', async (t) => {
  const { above, dir, source } = aDir(t);
  renameSync(dir, join(above, 'moved'));
  mkdirSync(dir);
  own(dir);
  write(join(dir, 'app.log'), 'other');
  assert.match(String(await rotateDir(source, USER, AT)), /is another directory than it was/);
  assert.equal(readFileSync(join(dir, 'app.log'), 'utf8'), 'other');
  rmSync(dir, { recursive: true });
  symlinkSync(join(above, 'moved'), dir);
  await assert.rejects(rotateDir(source, USER, AT));
});

if (isRoot) {
  test("another user's file is left alone, although root could", async (t) => {
    const { dir, source } = aDir(t);
    const foreign = join(dir, 'foreign.log');
    writeFileSync(foreign, 'precious', { mode: 0o666 });
    await rotateDir(source, USER, AT);
    assert.equal(readFileSync(foreign, 'utf8'), 'precious');
    assert.equal(existsSync(`${foreign}.${STAMP}`), false);
  });
}
