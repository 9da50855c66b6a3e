import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Its own settings and nobody's: tests do not depend on who runs them. */
const env = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'ann',
  GIT_AUTHOR_EMAIL: 'ann@example.org',
  GIT_COMMITTER_NAME: 'ann',
  GIT_COMMITTER_EMAIL: 'ann@example.org',
};

export interface Push {
  readonly files: Readonly<Record<string, string>>;
  readonly branch?: string;
  readonly tag?: string;
  /** Paths that are committed as executable. */
  readonly executable?: readonly string[];
  /** Other things that a repository may hold: done in the working tree before all of it is committed. */
  readonly arrange?: (dir: string) => Promise<void>;
}

/** Git's own server (git http-backend) behind HTTP, with repositories that tests push to; some open with a login only. */
export class GitServer {
  readonly #root: string;
  readonly #server: Server;
  readonly #logins = new Map<string, string>();
  /** "GET /shop/cart.git/info/refs?service=git-upload-pack", in the order in which they came. */
  readonly requests: string[] = [];
  /** Answered instead of git where it gives an answer. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;

  private constructor(root: string) {
    this.#root = root;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(t: Pick<TestContext, 'after'>): Promise<GitServer> {
    const root = await mkdtemp(join(tmpdir(), 'openstage-git-'));
    await chmod(root, 0o711);
    const server = new GitServer(root);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    t.after(async () => {
      server.#server.closeAllConnections();
      server.#server.close();
      await rm(root, { recursive: true, force: true });
    });
    return server;
  }

  get host(): string {
    const address = this.#server.address() as AddressInfo;
    return `127.0.0.1:${address.port}`;
  }

  url(name: string): string {
    return `http://${this.host}/${name}.git`;
  }

  /** From now on the repository opens with this user and password only. */
  close(name: string, user: string, password: string): void {
    this.#logins.set(`/${name}.git`, `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  }

  /** Commits a whole new tree on top of the branch and answers the commit's id. */
  async push(
    name: string,
    { files, branch = 'master', tag, executable = [], arrange }: Push,
  ): Promise<string> {
    const bare = join(this.#root, `${name}.git`);
    await mkdir(dirname(bare), { recursive: true });
    await run('git', ['init', '--quiet', '--bare', '--initial-branch=master', bare], { env });
    const work = await mkdtemp(join(this.#root, 'work-'));
    const git = async (...args: string[]) => (await run('git', args, { env, cwd: work })).stdout.trim();
    await git('init', '--quiet', '--initial-branch=work');
    await git('fetch', '--quiet', bare, '+refs/heads/*:refs/remotes/bare/*');
    const parent = await git('rev-parse', '--verify', '--quiet', `refs/remotes/bare/${branch}`).catch(
      () => undefined,
    );
    if (parent !== undefined) await git('update-ref', 'HEAD', parent);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), content);
    }
    for (const path of executable) await chmod(join(work, path), 0o755);
    await arrange?.(work);
    await git('add', '--all', '--force');
    await git('commit', '--quiet', '--allow-empty', '--message', 'next');
    await git('push', '--quiet', bare, `HEAD:refs/heads/${branch}`);
    if (tag !== undefined) {
      await git('tag', '--annotate', '--message', tag, tag);
      await git('push', '--quiet', bare, `refs/tags/${tag}`);
    }
    const commit = await git('rev-parse', 'HEAD');
    await rm(work, { recursive: true, force: true });
    return commit;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://git');
    this.requests.push(`${request.method} ${request.url}`);
    if (this.intercept?.(request, response) === true) return;
    const wanted = [...this.#logins].find(([path]) => url.pathname.startsWith(path))?.[1];
    if (wanted !== undefined && request.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const child = spawn('git', ['http-backend'], {
      env: {
        ...env,
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => undefined);
    let head: Buffer | undefined = Buffer.alloc(0);
    child.stdout.on('data', (chunk: Buffer) => {
      if (head === undefined) return void response.write(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const fields = head
        .subarray(0, end)
        .toString('latin1')
        .split('\r\n')
        .map((line) => line.split(/:\s*/, 2));
      const status = fields.find(([name]) => name?.toLowerCase() === 'status')?.[1];
      response.statusCode = Number(/\d+/.exec(status ?? '')?.[0] ?? 200);
      for (const [name = '', value = ''] of fields)
        if (name.toLowerCase() !== 'status') response.setHeader(name, value);
      const rest = head.subarray(end + 4);
      head = undefined;
      if (rest.length > 0) response.write(rest);
    });
    child.stdout.on('end', () => response.end());
  }
}
