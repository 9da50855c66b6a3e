import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { meansFor } from '../../src/builds/confine.ts';
import { runStep, type StepRequest } from '../../src/builds/run-step.ts';
import { Problem } from '../../src/domain/errors.ts';

const isRoot = process.getuid?.() === 0;
const USER = 265_001;
const user = isRoot ? { user: USER } : {};
const isAll = process.env['OPENSTAGE_TEST_ALL'] === '1';

async function aDir(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'openstage-confined-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755);
  return root;
}

const shell = (dir: string, command: string, more: Partial<StepRequest> = {}) =>
  runStep({
    argv: ['/bin/sh', '-c', command],
    dir,
    signal: new AbortController().signal,
    ...user,
    ...more,
  });

const failed = (says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, 'buildFailed');
  assert.match(error.message, says);
  return true;
};

/** Told once, so that a host without the means is seen in the report. */
async function canConfine(t: TestContext): Promise<boolean> {
  const bounds = {
    tasks: 100,
    fileBytes: 1000,
    sharedBytes: 1000,
    tmp: '/tmp',
    hides: [],
    shows: [],
    joins: [],
  };
  const can = (await meansFor({ ...bounds, ...user })) === (isRoot ? 'mounts' : 'processes');
  assert.ok(can || !isAll, 'this host has no namespaces for builds');
  if (!can) t.diagnostic('left out: this host has no namespaces for builds');
  return can;
}

const alive = (marker: string) =>
  execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(`sleep ${marker}`));

async function ended(marker: string): Promise<void> {
  for (let round = 0; alive(marker).length > 0; round += 1) {
    assert.ok(round < 200, `still there: ${alive(marker).join(', ')}`);
    await pause(50);
  }
}

test('a confined command sees its own processes, no secret and no variable of the platform', async (t) => {
  if (!(await canConfine(t))) return;
  const dir = await aDir(t);
  process.env['OPENSTAGE_CANARY'] = 'platform secret';
  t.after(() => delete process.env['OPENSTAGE_CANARY']);
  const secret = join(dir, '..', `${dir.split('/').at(-1)}-key`);
  await writeFile(secret, 'sealed', { mode: 0o600 });
  t.after(() => rm(secret, { force: true }));
  const printed = await shell(
    dir,
    `env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l; id -u; cat ${isRoot ? secret : '/nonexistent'} || echo refused`,
  );
  assert.ok(!printed.includes('platform secret'), printed);
  assert.ok(!printed.includes('sealed'), printed);
  assert.match(printed, /refused/);
  if (isRoot) assert.match(printed, new RegExp(`^${USER}$`, 'm'));
});

test('what a confined command leaves behind ends with it, even a daemon without a name, mark or group', async (t) => {
  if (!(await canConfine(t))) return;
  const dir = await aDir(t);
  const marker = `31${process.pid}`;
  await shell(dir, `env -i setsid sh -c 'sleep ${marker}; sleep 1' >/dev/null 2>&1 & sleep 0.3; exit 0`);
  await ended(marker);
});

test('a confined command that forks without end is ended, or cannot fork any more', async (t) => {
  if (!(await canConfine(t))) return;
  const dir = await aDir(t);
  const marker = `32${process.pid}`;
  const bomb = `i=0; while [ $i -lt 200 ]; do setsid sleep ${marker} & i=$((i+1)); done; sleep ${marker}`;
  await assert.rejects(
    shell(dir, bomb, { limits: { processes: 40, timeMs: 60_000 } }),
    failed(/more than 40 processes|code \d+|longer than/),
  );
  await ended(marker);
});

test('a confined command that never ends is ended by its time, and by its job', async (t) => {
  if (!(await canConfine(t))) return;
  const dir = await aDir(t);
  const marker = `33${process.pid}`;
  await assert.rejects(
    shell(dir, `trap '' TERM INT; sleep ${marker}`, { limits: { timeMs: 500 } }),
    failed(/took longer than 500 ms/),
  );
  const ending = new AbortController();
  const running = shell(dir, `echo begun; sleep ${marker}`, {
    signal: ending.signal,
    onOutput: () => ending.abort(new Error('the job was deleted')),
  });
  await assert.rejects(running, /the job was deleted/);
  await ended(marker);
});

test('a confined command cannot write a file, or files, beyond the limit', async (t) => {
  if (!(await canConfine(t))) return;
  const dir = await aDir(t);
  const disk = { bytes: 4 * 1024 * 1024, entries: 1000, freeBytes: 0 };
  await assert.rejects(
    shell(dir, 'head -c 50000000 /dev/zero > big', { limits: { disk } }),
    failed(/code \d+|signal|wrote more/),
  );
  assert.ok((await readFile(join(dir, 'big'))).length <= disk.bytes);
  const many = 'i=0; while true; do i=$((i+1)); head -c 500000 /dev/zero > f$i; sleep 0.01; done';
  await assert.rejects(
    shell(dir, many, { limits: { disk } }),
    failed(/wrote more than 4194304 bytes and was ended/),
  );
  const tiny = 'i=0; while true; do i=$((i+1)); : > g$i; done';
  await assert.rejects(
    shell(await aDir(t), tiny, { limits: { disk: { ...disk, bytes: 1024 ** 4 } } }),
    failed(/wrote more than 1000 files and was ended/),
  );
});

test('a step that would leave too little free is ended', async (t) => {
  const dir = await aDir(t);
  const disk = { bytes: 1024 ** 4, entries: 1000, freeBytes: Number.MAX_SAFE_INTEGER };
  await assert.rejects(
    shell(dir, 'sleep 60', { limits: { disk } }),
    failed(/bytes free on the disk and was ended/),
  );
});
