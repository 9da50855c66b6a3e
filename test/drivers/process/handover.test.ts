import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Handover, handoverWords, type Charge } from '../../../src/drivers/process/supervisor/handover.ts';
import { PLATFORM_ENV, toolPath } from '../../../src/drivers/process/supervisor/tools.ts';
import { has } from './machine.ts';

/** What takes a charge where the host has perl, and where it has not. */
const programs = { perl: toolPath('perl'), node: '' };

function aDir(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'openstage-handover-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** What a program became of a charge: what it printed, and why it did not become it. */
async function handed(t: TestContext, perl: string, charge: Partial<Charge>) {
  const [command = '', ...args] = handoverWords(perl);
  const child = spawn(command, args, {
    env: PLATFORM_ENV,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const handover = new Handover(child);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const closed = once(child, 'close');
  await handover.ready;
  const argv = charge.argv ?? ['/bin/true'];
  handover.give({ cwd: '/', files: [], env: {}, ...charge, argv });
  const [code, signal] = await closed;
  return { output, code, signal, flaw: handover.flaw(argv[0] ?? '') };
}

for (const [name, perl] of Object.entries(programs)) {
  const isThere = (t: TestContext): t is TestContext =>
    has(
      t,
      perl !== undefined && process.platform === 'linux',
      `handing over by ${name} needs ${name} and Linux`,
    );

  test(`${name}: the application gets its words and variables to the byte, and nothing else`, async (t) => {
    if (!isThere(t)) return;
    const env = { 'a.b': 'ü "$x" \n', EMPTY: '', BIG: '成'.repeat(40_000), PATH: '/usr/bin:/bin' };
    const tell = 'console.log(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]))';
    const cwd = aDir(t);
    const words = ['-x', 'a b', '', "it's"];
    const { output, flaw } = await handed(t, perl ?? '', {
      cwd,
      env,
      argv: [process.execPath, '-e', tell, '--', ...words],
    });
    assert.equal(flaw, undefined);
    assert.deepEqual(JSON.parse(output), [words, env, cwd]);
    const list = ['/bin/ls', '/proc/self/fd'] as const;
    const open = await handed(t, perl ?? '', { argv: list });
    assert.equal(open.output, spawnSync(list[0], [list[1]], { encoding: 'utf8' }).stdout, 'no descriptor');
  });

  test(`${name}: a launch file is a new one of its user alone, whatever was at its name`, async (t) => {
    if (!isThere(t)) return;
    const dir = aDir(t);
    const other = join(dir, 'other');
    const plants: Readonly<Record<string, (path: string) => void>> = {
      nothing: () => {},
      'a file': (path) => writeFileSync(path, 'a much longer content that was there before', { mode: 0o666 }),
      'a link': (path) => symlinkSync(other, path),
      'a link to nothing': (path) => symlinkSync(join(dir, 'absent'), path),
      'a pipe': (path) => void spawnSync('mkfifo', [path]),
      'a link to a pipe': (path) => {
        spawnSync('mkfifo', [`${path}.pipe`]);
        symlinkSync(`${path}.pipe`, path);
      },
    };
    for (const [what, plant] of Object.entries(plants)) {
      writeFileSync(other, 'of somebody else');
      const path = join(dir, what, 'conf', 'app.conf');
      if (what !== 'nothing') mkdirSync(join(dir, what, 'conf'), { recursive: true });
      plant(path);
      const { code, flaw } = await handed(t, perl ?? '', { files: [{ path, content: 'ü new' }] });
      assert.deepEqual({ what, code, flaw }, { what, code: 0, flaw: undefined });
      const { mode } = lstatSync(path);
      assert.deepEqual([lstatSync(path).isFile(), mode & 0o777], [true, 0o600], what);
      assert.equal(readFileSync(path, 'utf8'), 'ü new', what);
      assert.equal(readFileSync(other, 'utf8'), 'of somebody else', what);
      assert.equal(lstatSync(join(dir, 'absent'), { throwIfNoEntry: false }), undefined);
    }
  });

  test(`${name}: what keeps it from becoming the application is told in a sentence`, async (t) => {
    if (!isThere(t)) return;
    const dir = aDir(t);
    const path = join(dir, 'app.conf');
    mkdirSync(join(path, 'full'), { recursive: true });
    const script = join(dir, 'script.sh');
    writeFileSync(script, '#!/bin/sh\n');
    chmodSync(script, 0o644);
    const rows: readonly (readonly [Partial<Charge>, string])[] = [
      [
        { files: [{ path, content: 'x' }] },
        `its file ${path} cannot be written: EEXIST; remove what the application put there`,
      ],
      [{ cwd: join(dir, 'none') }, 'its working directory cannot be entered: ENOENT'],
      [{ argv: ['/opt/no/such/program'] }, 'spawn /opt/no/such/program ENOENT'],
      [{ argv: [script] }, `spawn ${script} EACCES`],
    ];
    for (const [charge, sentence] of rows) {
      const { code, flaw } = await handed(t, perl ?? '', charge);
      assert.deepEqual([code, flaw], [127, sentence]);
    }
  });

  test(`${name}: who is given nothing ends when nobody can give it anything any more`, async (t) => {
    if (!isThere(t)) return;
    const [command = '', ...args] = handoverWords(perl);
    const child = spawn(command, args, {
      env: PLATFORM_ENV,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    const handover = new Handover(child);
    await handover.ready;
    handover.drop();
    assert.deepEqual(await exit, [126, null]);
  });
}
