import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where .ci/run puts it: the program, with its templates and options beside it. */
const place =
  process.env['OPENSTAGE_TEST_GITEA'] ?? join(homedir(), '.cache', 'openstage-test', 'gitea-1.23.8', 'gitea');

/** A Gitea that this machine has; where there is none a test says so by name. */
export function findGitea(): string | undefined {
  if (existsSync(place)) return place;
  test('Gitea is missing here (.ci/gitea builds it with Go), so the tests against a real git server are left out', () => {
    if (process.env['OPENSTAGE_TEST_ALL'] === '1')
      throw new Error('Nothing may be left out: build Gitea with .ci/gitea.');
  });
  return undefined;
}

export interface Gitea {
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Of that user, for everything. */
  readonly token: string;
  stop(): Promise<void>;
  /** Any call of its API as that user. */
  api(method: string, path: string, body?: object): Promise<{ status: number; value: unknown }>;
}

const START_MS = 60_000;

/** A server of one's own with an administrator; whoever starts it stops it. */
export async function startGitea(program: string): Promise<Gitea> {
  const dir = await mkdtemp(join(tmpdir(), 'openstage-gitea-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(dir, 'app.ini');
  await writeFile(config, settingsOf(dir, program, port, url));
  const env = { ...process.env, GITEA_WORK_DIR: dir, HOME: dir, USER: 'root', GIT_CONFIG_NOSYSTEM: '1' };
  const gitea = async (...args: string[]) =>
    (await run(program, ['--config', config, ...args], { env, cwd: dir })).stdout;
  await gitea('migrate');
  const [user, password] = ['ann', 'correct-horse-9'];
  await gitea(
    ...['admin', 'user', 'create', '--username', user, '--password', password],
    ...['--email', 'ann@example.org', '--admin', '--must-change-password=false'],
  );
  // Warnings may stand before it.
  const said = (
    await gitea(
      ...['admin', 'user', 'generate-access-token', '--username', user],
      ...['--token-name', 'test', '--scopes', 'all', '--raw'],
    )
  ).trim();
  const token = said.split('\n').at(-1) ?? '';
  const server = spawn(program, ['--config', config, 'web'], { env, cwd: dir, stdio: 'ignore' });
  const stop = async () => {
    await ended(server);
    await rm(dir, { recursive: true, force: true });
  };
  await answers(`${url}/api/v1/version`, server).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    url,
    port,
    user,
    password,
    token,
    stop,
    async api(method, path, body) {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, value: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

const settingsOf = (dir: string, program: string, port: number, url: string) => `
RUN_MODE = prod
RUN_USER = root
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = ${url}/
STATIC_ROOT_PATH = ${dirname(program)}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${join(dir, 'gitea.db')}
[repository]
ROOT = ${join(dir, 'repositories')}
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = of-a-test
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
MODE = file
ROOT_PATH = ${join(dir, 'log')}
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[actions]
ENABLED = false
[mailer]
ENABLED = false
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}

async function answers(url: string, server: ChildProcess): Promise<void> {
  const until = performance.now() + START_MS;
  while (performance.now() < until) {
    if (server.exitCode !== null) throw new Error(`Gitea ended with code ${server.exitCode}.`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Gitea did not answer within ${START_MS} ms.`);
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGTERM');
  });
}
