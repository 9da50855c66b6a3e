import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);
const START_LIMIT_MS = 30_000;

export interface Cluster {
  /** Of its superuser, with the name of a database put in. */
  url(database: string): string;
  /** Ends the server as `pg_ctl stop` does in that mode; what it holds stays. */
  halt(mode: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again after `halt`. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Where the server is to differ from the one that most tests use. */
export interface ClusterSettings {
  /** For initdb, instead of UTF-8 and C.UTF-8. */
  readonly locale?: readonly string[];
  /** As `name=value`, in the form of postgresql.conf. */
  readonly settings?: readonly string[];
}

/** In Turkish, i is not the small I, and words are sorted by letters, not by bytes; days come before months. */
export const ELSEWHERE: ClusterSettings = {
  locale: ['--encoding=UTF8', '--locale-provider=icu', '--icu-locale=tr', '--locale=C.UTF-8'],
  settings: [
    ...['timezone=Asia/Kolkata', 'log_timezone=Asia/Kolkata', 'datestyle=German, DMY'],
    ...['intervalstyle=iso_8601', 'extra_float_digits=-15', 'bytea_output=escape'],
    'default_transaction_isolation=serializable',
  ],
};

/** Directory of the newest server that the distribution brought; undefined where there is none. */
export function findServer(): string | undefined {
  const found = globSync('/usr/lib/postgresql/*/bin/postgres').map((path) =>
    path.slice(0, -'/postgres'.length),
  );
  const version = (path: string) => Number(path.split('/').at(-2));
  return found.toSorted((a, b) => version(b) - version(a))[0];
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root. */
async function unprivileged(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      );
      if (uid && gid) return { uid, gid };
    } catch {
      // No such user here.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody; add one.');
}

/** A server of our own on a unix socket in a temporary directory; it ends with this process, however that ends. */
export async function startCluster(bin: string, special: ClusterSettings = {}): Promise<Cluster> {
  const owner = await unprivileged();
  const dir = mkdtempSync(join(tmpdir(), 'openstage-pg-'));
  if (owner) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  const as = { ...owner, cwd: dir, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' } };
  const { locale = ['--encoding=UTF8', '--locale=C.UTF-8'], settings: more = [] } = special;
  const initdb = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', ...locale];
  await run(join(bin, 'initdb'), initdb, as);

  const settings = ['listen_addresses=', `unix_socket_directories=${dir}`, 'max_connections=200'];
  // What is tested here is not the disk of this machine.
  const fast = ['fsync=off', 'full_page_writes=off', 'autovacuum=off', 'shared_buffers=32MB'];
  const args = ['-D', data, ...[...settings, ...fast, ...more].flatMap((one) => ['-c', one])];
  const server = new Server([...endsWithUs(owner), join(bin, 'postgres'), ...args], {
    cwd: dir,
    env: as.env,
  });
  const remove = () => {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const url = (database: string) => `postgresql:///${database}?host=${dir}&user=postgres`;
  await server.start(url('postgres'));
  return {
    url,
    halt: (mode) => server.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    resume: () => server.start(url('postgres')),
    async stop() {
      process.off('exit', remove);
      await server.end('SIGQUIT');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The process of a server, which may end and be started again. */
class Server {
  readonly #command: readonly string[];
  readonly #options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
  #child: ChildProcess | undefined;
  #log = '';

  constructor(
    command: readonly string[],
    options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  ) {
    this.#command = command;
    this.#options = options;
  }

  /** Resolves when it answers. */
  async start(url: string): Promise<void> {
    const [command = '', ...args] = this.#command;
    const child = spawn(command, args, { ...this.#options, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-4_000)));
    await answers(
      url,
      () => child.exitCode !== null,
      () => this.#log,
    );
    // It must not keep the process of the tests alive.
    child.unref();
    child.stderr.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

function endsWithUs(owner: Owner | undefined): readonly string[] {
  const setpriv = '/usr/bin/setpriv';
  if (!existsSync(setpriv)) {
    if (owner)
      throw new Error(`${setpriv} is missing; install util-linux, or run the tests as an ordinary user.`);
    return [];
  }
  const who = owner ? ['--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups'] : [];
  return [setpriv, ...who, '--pdeathsig', 'QUIT'];
}

async function answers(url: string, hasEnded: () => boolean, log: () => string): Promise<void> {
  const until = performance.now() + START_LIMIT_MS;
  for (;;) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (hasEnded() || performance.now() > until)
        throw new Error(`PostgreSQL did not start: ${log()}`, { cause: error });
      await pause(20);
    }
  }
}
