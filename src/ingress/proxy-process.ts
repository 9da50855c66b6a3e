import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Problem } from '../domain/errors.ts';
import { NOTHING_UNFENCED } from '../domain/fences.ts';
import type { Unfenced } from '../domain/fences.ts';
import { ControlClient } from './control-client.ts';
import { EXIT } from './proxy/exit.ts';
import { isPrivate, makeDirectories, proxyPaths } from './proxy/paths.ts';

export interface Proxied {
  readonly dataDir: string;
  readonly bind: string;
  readonly port: number;
  /** The Node executable that runs the proxy. */
  readonly node: string;
  /** Numeric user that a proxy which root starts becomes before it reads anything of strangers. */
  readonly user?: number;
  /** For tests alone. */
  readonly unfenced?: Unfenced;
}

const START_MS = 20_000;
const LOOK_MS = 5;

/** What the proxy needs of our environment; our secrets are none of its business. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG'];

const MAIN = join(import.meta.dirname, 'proxy', `main${extname(import.meta.filename)}`);

/** It takes away for good what a program with the bit of its owner would give back. */
const SETPRIV = '/usr/bin/setpriv';

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

/** The living proxy of a data directory. */
export async function findProxy(dataDir: string): Promise<ControlClient | undefined> {
  const { socket } = proxyPaths(dataDir);
  // Whoever could put another socket there would be told all routes.
  return isPrivate(dirname(socket)) ? ControlClient.open(socket) : undefined;
}

/** The living proxy of a data directory, else a new one, which outlives us. */
export async function findOrStart(proxied: Proxied): Promise<ControlClient> {
  return (await findProxy(proxied.dataDir)) ?? start(proxied);
}

async function start({ dataDir, bind, port, node, user, unfenced }: Proxied): Promise<ControlClient> {
  const paths = proxyPaths(dataDir);
  makeDirectories(dataDir, paths);
  const env = {
    ...Object.fromEntries(INHERITED.map((name) => [name, process.env[name]])),
    // What was compiled once is not compiled again: half the time that a revival takes.
    NODE_COMPILE_CACHE: paths.compiled,
  };
  await warmCache(node, paths.compiled, env);
  const log = openSync(paths.log, 'a', 0o600);
  const before = fstatSync(log).size;
  const words = [
    ...NODE_FLAGS,
    MAIN,
    ...passOn(unfenced),
    ...(user === undefined ? [] : ['--user', String(user)]),
  ];
  const noMore = user !== undefined && existsSync(SETPRIV) ? [SETPRIV, '--no-new-privs'] : [];
  const [command, ...rest] = [...noMore, node, ...words, '--', dataDir, bind, String(port)];
  const child = spawn(command, rest, {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env,
  });
  closeSync(log);
  child.unref();
  let end: string | undefined;
  child.once('error', (error) => (end = error.message));
  child.once('exit', (code, signal) => {
    // Another was quicker: it is the one to talk to.
    if (code !== EXIT.locked) end = signal ?? `exit code ${String(code)}`;
  });
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    const client = await ControlClient.open(paths.socket);
    if (client !== undefined) return client;
    if (end !== undefined) throw new Problem('unavailable', sayWhy(paths.log, before, end));
    await setTimeout(LOOK_MS);
  }
  throw new Problem(
    'unavailable',
    `The ingress proxy did not answer within ${String(START_MS / 1000)} s of its start; see ${paths.log}, then try again.`,
  );
}

function passOn(unfenced: Unfenced = NOTHING_UNFENCED): string[] {
  return unfenced.size > 0 ? ['--unfenced', [...unfenced].join(',')] : [];
}

/**
 * Stripping types takes some 20 MB that are never given back. So a process that ends at once leaves what was compiled
 * to the one that stays; without it the proxy is larger, not worse.
 */
async function warmCache(node: string, cache: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (existsSync(cache)) return;
  const child = spawn(node, [...NODE_FLAGS, MAIN, '--warm'], { stdio: 'ignore', cwd: '/', env });
  await once(child, 'exit').catch(() => {});
}

/** What the process wrote last, without its time; else how it ended. */
function sayWhy(log: string, from: number, end: string): string {
  const last = readFileSync(log).subarray(from).toString('utf8').trim().split('\n').at(-1) ?? '';
  return last === ''
    ? `The ingress proxy ended at its start (${end}) without a word; see ${log}, then try again.`
    : last.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, '');
}
