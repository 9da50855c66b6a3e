import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SupervisorStart {
  readonly dataDir: string;
  readonly keyFile: string;
  readonly ports: { readonly low: number; readonly high: number };
  readonly node: string;
  readonly logFile: string;
  /** For tests: a boot id, a crash file. */
  readonly more: readonly string[];
}

/** Published, everything is compiled: then this file ends in .js, and so does the supervisor's. */
const main = fileURLToPath(new URL(`./supervisor/main${extname(import.meta.url)}`, import.meta.url));

const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=2',
  '--max-old-space-size=128',
];

/**
 * In a session of its own, with files for its output and nothing of our environment: our end, however it comes,
 * does not reach it. The returned promise tells how it ended, should it end while we look.
 */
export function startSupervisor(start: SupervisorStart): { readonly ended: Promise<string> } {
  mkdirSync(dirname(start.logFile), { recursive: true });
  const log = openSync(start.logFile, 'a', 0o600);
  const words = [
    ...['--data-dir', start.dataDir, '--key-file', start.keyFile, '--log-file', start.logFile],
    ...['--ports', `${start.ports.low}-${start.ports.high}`, ...start.more],
  ];
  const child = spawn(start.node, [...NODE_FLAGS, main, ...words], {
    cwd: start.dataDir,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
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

export function lastWords(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-3).join(' | ');
  } catch {
    return '';
  }
}
