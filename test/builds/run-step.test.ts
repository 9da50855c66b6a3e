import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runStep } from '../../src/builds/run-step.ts';
import type { StepRequest } from '../../src/builds/run-step.ts';
import { Problem } from '../../src/domain/errors.ts';

const isRoot = process.getuid?.() === 0;
const never = new AbortController().signal;

async function aDir(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'openstage-step-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755);
  return root;
}

const js = (code: string): readonly string[] => [process.execPath, '-e', code];

const run = (dir: string, argv: readonly string[], more: Partial<StepRequest> = {}) =>
  runStep({ argv, dir, signal: never, ...more });

const failed = (check: (problem: Problem) => void) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, 'buildFailed');
  check(error);
  return true;
};

async function gone(pid: number): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (state === undefined || / Z /.test(state)) return;
    assert.ok(performance.now() < end, `process ${pid} still lives`);
    await pause(5);
  }
}

test('a step answers with what it printed, in its directory', async (t) => {
  const dir = await aDir(t);
  assert.equal(await run(dir, ['pwd']), `${dir}\n`);
  assert.equal(await run(dir, js("console.log('out'); console.error('err')")), 'out\n');
});

test('a step sees no variable of the platform, and a home that is its own and gone afterwards', async (t) => {
  const dir = await aDir(t);
  process.env['OPENSTAGE_CANARY'] = 'secret';
  t.after(() => delete process.env['OPENSTAGE_CANARY']);
  const code =
    "require('fs').writeFileSync(process.env.HOME + '/cache', 'x'); console.log(JSON.stringify(process.env))";
  const seen: unknown = JSON.parse(await run(dir, js(code), { env: { EXTRA: '1' } }));
  assert.ok(typeof seen === 'object' && seen !== null);
  assert.deepEqual(Object.keys(seen).sort(), [
    'EXTRA',
    'HOME',
    'LANG',
    'OPENSTAGE_BUILD_STEP',
    'PATH',
    'TMPDIR',
  ]);
  assert.deepEqual(await readdir(dir), []);
});

test('what is passed on to a step is seen by it, but replaces nothing of its own', async (t) => {
  const dir = await aDir(t);
  const code = 'console.log(process.env.PIP_INDEX_URL, process.env.HOME)';
  const passedOn = { PIP_INDEX_URL: 'http://mirror/simple', HOME: '/root' };
  const seen = await run(dir, js(code), { passedOn });
  assert.match(seen, /^http:\/\/mirror\/simple \S+\.scratch-/);
});

test('a failure keeps no secret of what was passed on, however it is written', async (t) => {
  const dir = await aDir(t);
  const passedOn = {
    HTTPS_PROXY: 'http://ann:p%40ss%3Aword@proxy:3128',
    PIP_EXTRA_INDEX_URL: 'https://one.example/simple https://t0k3n-of-ann@two.example/simple',
    NPM_TOKEN: 'npm-s3cret',
    NO_PROXY: 'localhost',
  };
  const code = `for (const name of ${JSON.stringify(Object.keys(passedOn))}) console.log(process.env[name]);
    console.log('login ann', 'p@ss:word'); process.exit(3)`;
  await assert.rejects(
    run(dir, js(code), { passedOn }),
    failed(({ message, evidence }) => {
      const kept = [message, ...(evidence.log ?? [])].join(' ');
      assert.doesNotMatch(kept, /p%40ss|p@ss|t0k3n|npm-s3cret/);
      assert.match(
        kept,
        /http:\/\/ann:\*{6}@proxy:3128 https:\/\/one\.example\/simple .* \*{6} localhost login ann \*{6}/,
      );
    }),
  );
});

test('words are words: no shell takes part', async (t) => {
  const dir = await aDir(t);
  const payload = '$(touch canary); touch canary & `touch canary` | > canary';
  const printed = await run(dir, js('console.log(process.argv[1])').concat(payload));
  assert.equal(printed, `${payload}\n`);
  assert.deepEqual(await readdir(dir), []);
});

test('a step that fails keeps its exit and its last lines', async (t) => {
  const dir = await aDir(t);
  const code =
    "for (let i = 0; i < 100; i++) console.log('line ' + i); console.error('\\u001b[31mbroken\\u001b[0m'); process.exitCode = 3";
  await assert.rejects(
    run(dir, js(code)),
    failed(({ message, evidence }) => {
      assert.match(message, /ended with code 3; its last line: (broken|line 99)/);
      assert.equal(evidence.exit, 'code 3');
      assert.equal(evidence.log?.length, 50);
      assert.ok(evidence.log?.includes('broken'));
    }),
  );
  await assert.rejects(
    run(dir, js("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)")),
    failed(({ evidence }) => assert.equal(evidence.exit, 'signal SIGTERM')),
  );
});

test('a step that cannot be started says so', async (t) => {
  const dir = await aDir(t);
  await assert.rejects(
    run(dir, ['no-such-tool']),
    failed(({ message }) => assert.match(message, /no-such-tool cannot be started/)),
  );
  await writeFile(join(dir, 'plain'), 'x');
  await assert.rejects(
    run(dir, [join(dir, 'plain')]),
    failed(({ message }) => assert.match(message, /cannot be started/)),
  );
});

test('endless output is cut to its end', async (t) => {
  const dir = await aDir(t);
  const code = "for (let i = 0; i < 200000; i++) console.log('line ' + i)";
  const printed = await run(dir, js(code), { limits: { outputBytes: 1000 } });
  assert.equal(printed.length, 1000);
  assert.ok(printed.endsWith('line 199999\n'));
});

test('a step that takes too long is ended with everything it started', async (t) => {
  const dir = await aDir(t);
  const code = `const { spawn } = require('child_process');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    console.log('child ' + child.pid); setInterval(() => {}, 1000);`;
  let log: readonly string[] = [];
  await assert.rejects(
    run(dir, js(code), { limits: { timeMs: 1500 } }),
    failed(({ message, evidence }) => {
      assert.match(message, /took longer than 1500 ms/);
      log = evidence.log ?? [];
    }),
  );
  const pid = Number(/child (\d+)/.exec(log.join(' '))?.[1]);
  assert.ok(pid > 0, log.join(' '));
  await gone(pid);
});

test('what a step left in the background ends with it, in its group or in one of its own', async (t) => {
  const dir = await aDir(t);
  const code = `const { spawn } = require('child_process');
    for (const detached of [false, true]) {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached });
      console.log(child.pid); child.unref();
    }
    process.exit(0);`;
  const pids = (await run(dir, js(code))).trim().split('\n').map(Number);
  assert.equal(pids.length, 2);
  for (const pid of pids) await gone(pid);
});

test('a step that eats memory is ended', async (t) => {
  const dir = await aDir(t);
  const code = 'const eaten = []; setInterval(() => eaten.push(Buffer.alloc(8e6, 1)), 5)';
  await assert.rejects(
    run(dir, js(code), { limits: { memoryBytes: 200e6, timeMs: 60_000 } }),
    failed(({ message }) => assert.match(message, /used more than 200000000 bytes of memory/)),
  );
});

test('a step that starts too many processes is ended', async (t) => {
  const dir = await aDir(t);
  const code =
    "for (let i = 0; i < 12; i++) require('child_process').spawn('sleep', ['60']); setInterval(() => {}, 1000)";
  await assert.rejects(
    run(dir, js(code), { limits: { processes: 8, timeMs: 60_000 } }),
    failed(({ message }) => assert.match(message, /more than 8 processes/)),
  );
});

test('a step that is called off ends at once, with the reason', async (t) => {
  const dir = await aDir(t);
  const reason = new Error('called off');
  const control = new AbortController();
  const step = run(dir, js("console.log('up'); setInterval(() => {}, 1000)"), { signal: control.signal });
  control.abort(reason);
  await assert.rejects(step, reason);
  await assert.rejects(run(dir, ['true'], { signal: control.signal }), reason);
  assert.deepEqual(await readdir(dir), []);
});

if (isRoot) {
  test('as root, a step runs as its user, who may write to the build and nowhere else', async (t) => {
    const root = await aDir(t);
    const dir = join(root, 'package');
    execFileSync('sh', ['-c', 'mkdir -p "$0/deep" && echo x > "$0/deep/file" && ln -s ../.. "$0/up"', dir]);
    const user = 200_123;
    assert.equal(await run(dir, ['id', '-u'], { user }), `${user}\n`);
    assert.equal(await run(dir, ['id', '-G'], { user }), `${user}\n`);
    await run(dir, ['touch', 'deep/file', 'new'], { user });
    await assert.rejects(run(dir, ['touch', join(root, 'outside')], { user }), /Permission denied/);
    assert.deepEqual(await readdir(root), ['package']);
  });
}
