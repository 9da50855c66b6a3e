import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The kernel takes 107 bytes on Linux and 103 on macOS. */
const MAX_PATH_BYTES = 100;

/** Where the supervisor of a data directory listens: both sides compute it, of nothing but that directory and who they are. */
export function socketPath(dataDir: string): string {
  const natural = join(dataDir, 'run', 'supervisor.sock');
  return isShort(natural) ? natural : farSocket(dataDir, isRoot() && existsSync('/run') ? '/run' : '/tmp');
}

/** Where one of an earlier version may still listen; absent: where its successors do. */
export function formerSocketPath(dataDir: string): string | undefined {
  const former = farSocket(dataDir, '/tmp');
  return socketPath(dataDir).startsWith('/run/openstage-') ? former : undefined;
}

const isShort = (path: string): boolean => Buffer.byteLength(path) <= MAX_PATH_BYTES;
const isRoot = (): boolean => process.getuid?.() === 0;

function farSocket(dataDir: string, place: string): string {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(place, `openstage-${name}`, 'supervisor.sock');
}

/** Makes the socket's directory, ours alone; one that somebody else prepared is refused. */
export function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  if (!found.isDirectory() || !isOurs(found.uid)) throw new Error(`${dir} ${SOMEBODY_ELSE}`);
  chmodSync(dir, 0o700);
}

const SOMEBODY_ELSE = 'belongs to somebody else; remove it, or choose a data directory with a shorter path.';

/** Absent: nobody but us can have put the socket there, or there is none. Else a sentence. */
export function whyNotPrivate(socket: string): string | undefined {
  const dir = dirname(socket);
  const found = lstatSync(dir, { throwIfNoEntry: false });
  const end = lstatSync(socket, { throwIfNoEntry: false });
  if (!found || !end) return undefined;
  if (!found.isDirectory() || !isOurs(found.uid)) return `${dir} ${SOMEBODY_ELSE}`;
  if ((found.mode & 0o022) !== 0) return `Others may write to ${dir}; run "chmod 700 ${dir}".`;
  return end.isSocket() && isOurs(end.uid) ? undefined : `${socket} ${SOMEBODY_ELSE}`;
}

const isOurs = (uid: number): boolean => process.getuid === undefined || uid === process.getuid();
