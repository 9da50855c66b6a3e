import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The kernel takes 107 bytes for the path of a socket on Linux, 103 on macOS. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Only `routes` lies where the proxy's own user may write: nothing else of it is opened as root, or is code. */
export interface ProxyPaths {
  readonly routes: string;
  readonly lock: string;
  readonly log: string;
  readonly socket: string;
  readonly compiled: string;
}

export function proxyPaths(dataDir: string): ProxyPaths {
  const near = join(dataDir, 'run', 'proxy.sock');
  return {
    routes: join(dataDir, 'proxy', 'routes.json'),
    lock: join(dataDir, 'run', 'proxy.lock'),
    log: join(dataDir, 'logs', 'proxy.log'),
    compiled: join(dataDir, 'run', 'proxy-compiled'),
    socket: Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES ? near : farSocket(dataDir),
  };
}

export function makeDirectories(dataDir: string, paths: ProxyPaths): void {
  mkdirSync(join(dataDir, 'proxy'), { recursive: true, mode: 0o700 });
  mkdirSync(join(dataDir, 'run'), { recursive: true, mode: 0o700 });
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  makePrivate(join(paths.socket, '..'));
}

/** A socket's directory outside the data directory goes with the proxy. */
export function removeFarDirectory(dataDir: string, { socket }: ProxyPaths): void {
  if (!socket.startsWith(join(dataDir, 'run'))) rmSync(join(socket, '..'), { recursive: true, force: true });
}

/** As root where only root may make anything; a proxy of an earlier version still has its own place. */
function farSocket(dataDir: string): string {
  const name = `openstage-ingress-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
  const former = join(tmpdir(), name);
  const isRoot = process.getuid?.() === 0 && existsSync('/run');
  return join(isRoot && !isPrivate(former) ? join('/run', name) : former, 'proxy.sock');
}

/** Ours, and nobody else's to enter: what is in it was put there by us. */
export function isPrivate(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return false;
  return (process.getuid === undefined || found.uid === process.getuid()) && (found.mode & 0o077) === 0;
}

/** Whoever may enter this directory may re-route all traffic; a name in a shared directory may be another user's. */
function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (isPrivate(directory)) return;
  throw new Error(
    `The directory ${directory} of the ingress proxy's control socket is open to others; ` +
      `expected one of our own with mode 0700; remove it or run chmod 700 on it, then start again.`,
  );
}
