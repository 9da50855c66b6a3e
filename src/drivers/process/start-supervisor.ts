import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SupervisorStart {
  readonly dataDir: string;
  readonly keyFile: string;
  readonly ports: { readonly low: number; readonly high: number };
  readonly node: string;
  readonly logFile: string;
  /** Where Node keeps what it compiled. */
  readonly cacheDir: string;
  /** For tests: a boot id, a crash file. */
  readonly more: readonly string[];
}

/** Published, everything is compiled: then this file ends in .js, and so does the supervisor's. */
const main = fileURLToPath(new URL(`./supervisor/main${extname(import.meta.url)}`, import.meta.url));

// It idles for months: fewer threads and a small young generation save 3 MB of 28.
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--v8-pool-size=0',
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
];
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * In a session of its own, with files for its output and nothing of our environment: our end, however it comes,
 * does not reach it. The returned promise tells how it ended, should it end while we look.
 */
export async function startSupervisor(start: SupervisorStart): Promise<{ readonly ended: Promise<string> }> {
  mkdirSync(dirname(start.logFile), { recursive: true });
  const cache = await warmCache(start);
  const log = openSync(start.logFile, 'a', 0o600);
  const words = [
    ...['--data-dir', start.dataDir, '--key-file', start.keyFile, '--log-file', start.logFile],
    ...['--ports', `${start.ports.low}-${start.ports.high}`, ...start.more],
  ];
  const child = spawn(start.node, [...NODE_FLAGS, main, ...words], {
    cwd: start.dataDir,
    env: { PATH: SYSTEM_PATH, NODE_COMPILE_CACHE: cache },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
  });
  return { ended };
}

/**
 * Stripping types takes 30 MB that are never given back, and 0.2 s: measured 55 MB (PSS) and 300 ms of CPU to start
 * without, 28 MB and 100 ms with what another process left in Node's cache. So that one runs first, once per version.
 */
async function warmCache({ node, cacheDir }: SupervisorStart): Promise<string> {
  const version = `supervisor-${newestSource().toString(36)}`;
  const cache = join(cacheDir, version);
  if (existsSync(cache)) return cache;
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(cacheDir)) {
    if (name.startsWith('supervisor-')) rmSync(join(cacheDir, name), { recursive: true, force: true });
  }
  const child = spawn(node, [...NODE_FLAGS, main, '--warm'], {
    env: { PATH: SYSTEM_PATH, NODE_COMPILE_CACHE: cache },
    stdio: 'ignore',
  });
  // Without it the supervisor is larger, not worse.
  await once(child, 'exit').catch(() => {});
  return cache;
}

function newestSource(): number {
  const folder = dirname(main);
  const times = readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs);
  return Math.floor(Math.max(...times));
}

export function lastWords(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-3).join(' | ');
  } catch {
    return '';
  }
}
