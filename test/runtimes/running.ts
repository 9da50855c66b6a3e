import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { extract } from 'tar';
import { Problem } from '../../src/domain/errors.ts';
import { fill, type Launch, type LaunchPlaces } from '../../src/domain/launch.ts';
import { createLocator, type Locator } from '../../src/runtimes/locate.ts';
import type { BuildContext, Runtime } from '../../src/runtimes/runtime.ts';
import { entriesOf } from '../../src/runtimes/jar-file.ts';

const run = promisify(execFile);

/** Applications never run as root; where the tests do, this user stands for an application's own. */
const asApplication = process.getuid?.() === 0 ? { uid: 210_001, gid: 210_001 } : {};
const START_MS = 60_000;

export const aLocator = (overrides: Readonly<Record<string, string>> = {}): Locator =>
  createLocator({
    overrides,
    path: process.env['PATH'] ?? '',
    dataDir: '/nonexistent',
    areAppsOtherUsers: process.getuid?.() === 0,
  });

/** A directory that goes with the test, owned by the application's user and open to be passed. */
export async function aDirectory(test: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'openstage-runtimes-'));
  test.after(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711);
  return dir;
}

/** A package as the builds lay it out: unpacked, or the single file under its own name. */
export async function unpacked(file: string, buildDir: string): Promise<string> {
  const dir = join(buildDir, 'package');
  await mkdir(dir, { recursive: true });
  if (file.endsWith('.tgz')) await extract({ file, cwd: dir });
  else if (file.endsWith('.zip')) {
    for await (const entry of entriesOf(file, basename(file))) {
      const target = join(dir, entry.name);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, await entry.read());
    }
  } else await cp(file, join(dir, basename(file)));
  return dir;
}

export async function built(
  test: TestContext,
  runtime: Runtime,
  file: string,
  locator = aLocator(),
): Promise<BuildContext> {
  const buildDir = await aDirectory(test);
  const dir = await unpacked(file, buildDir);
  await own(buildDir);
  const content = { dir, fileName: basename(file) };
  const build: BuildContext = {
    ...content,
    buildDir,
    form: await runtime.recognise(content),
    executables: await locator.find(runtime, content.fileName),
    async run([command = '', ...args], options = {}) {
      const env = { PATH: process.env['PATH'], HOME: buildDir, TMPDIR: buildDir, ...options.env };
      try {
        return (await run(command, args, { cwd: options.cwd ?? buildDir, env, ...asApplication })).stdout;
      } catch (error) {
        throw new Problem(
          'buildFailed',
          `${command} ${args.join(' ')}: ${error instanceof Error ? error.message : 'failed'}`,
        );
      }
    },
  };
  await runtime.prepare?.(build);
  return build;
}

export interface Running {
  readonly process: ChildProcess;
  readonly places: LaunchPlaces;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly get: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly log: () => Promise<string>;
}

/** Starts a launch by hand, as the supervisor would, in a group of its own that ends with the test. */
export async function started(
  test: TestContext,
  build: BuildContext,
  launch: Launch,
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const replica = await aDirectory(test);
  const places = {
    port: await freePort(),
    replicaDir: join(replica, 'own'),
    releaseDir: build.buildDir,
    dataDir: '/nonexistent',
  };
  for (const name of ['home', 'tmp']) await mkdir(join(places.replicaDir, name), { recursive: true });
  for (const { path, content } of launch.files) {
    await mkdir(dirname(join(places.replicaDir, path)), { recursive: true });
    await writeFile(join(places.replicaDir, path), fill(content, places));
  }
  await own(places.replicaDir);
  const logFile = join(replica, 'log');
  // Not the application's own, as with the supervisor: it can write what it was given, but not open it again.
  const log = await open(logFile, 'a', 0o600);
  const [command = '', ...args] = launch.argv.map((word) => fill(word, places));
  const filled = Object.entries(launch.env).map(([name, value]) => [name, fill(value, places)] as const);
  const ports = ['PORT', ...launch.portVariables].map((name) => [name, String(places.port)] as const);
  const child = spawn(command, args, {
    cwd: fill(launch.cwd, places),
    env: {
      HOME: join(places.replicaDir, 'home'),
      TMPDIR: join(places.replicaDir, 'tmp'),
      ...Object.fromEntries(filled),
      ...env,
      ...Object.fromEntries(ports),
      HOST: '127.0.0.1',
    },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...asApplication,
  });
  // Before anything is waited for: one that fails at once would end unseen.
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
  await log.close();
  test.after(() => endGroup(child, 'SIGKILL'));
  return {
    process: child,
    places,
    exited,
    log: () => readFile(logFile, 'utf8'),
    get: (path) => fetchFrom(places.port, path),
  };
}

export function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It is gone, which is what was wanted.
  }
}

/** Waits until GET answers 200, or the process has ended. */
export async function untilAnswers(running: Running, path = '/'): Promise<string> {
  const deadline = performance.now() + START_MS;
  let last = 'nothing';
  let hasEnded = false;
  void running.exited.then(() => (hasEnded = true));
  while (performance.now() < deadline && !hasEnded) {
    try {
      const { status, body } = await running.get(path);
      if (status === 200) return body;
      last = `${status} ${body}`;
    } catch (error) {
      last = error instanceof Error ? error.message : 'an error';
    }
    await pause(20);
  }
  throw new Error(`GET ${path} never answered 200; last: ${last}; log:\n${await running.log()}`);
}

function fetchFrom(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    }).once('error', reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}

async function own(dir: string): Promise<void> {
  if (asApplication.uid === undefined) return;
  const names = await readdir(dir, { recursive: true });
  for (const path of [dir, ...names.map((name) => join(dir, name))])
    await chown(path, asApplication.uid, asApplication.gid);
}
