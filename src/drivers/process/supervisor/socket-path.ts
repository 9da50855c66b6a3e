import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The kernel takes 107 bytes on Linux and 103 on macOS. */
const MAX_PATH_BYTES = 100;

/** Where the supervisor of a data directory listens: both sides compute it. */
export function socketPath(dataDir: string): string {
  const natural = join(dataDir, 'run', 'supervisor.sock');
  if (Buffer.byteLength(natural) <= MAX_PATH_BYTES) return natural;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `openstage-${name}`, 'supervisor.sock');
}

/** Makes the socket's directory, ours alone; one that somebody else prepared is refused. */
export function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    throw new Error(
      `${dir} belongs to somebody else; remove it, or choose a data directory with a shorter path.`,
    );
  }
  chmodSync(dir, 0o700);
}
