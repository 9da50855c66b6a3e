import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { addressesFile, lockFile } from '../data-directory.ts';
import { memberOf } from './running-platform.ts';

/** A platform that answers has ended long before. */
const MOST_MS = 30_000;
const LOOK_MS = 100;

/** Ends the platform that runs on a data directory, where one does: asked to at first, then by force. */
export async function endPlatform(dataDir: string, tell: (line: string) => void): Promise<void> {
  const pid = holderOf(dataDir);
  if (pid === undefined) return;
  if (!isPlatform(pid, dataDir))
    throw new Error(
      `Another command (process ${pid}) works on the data directory ${dataDir}; try again once it has ended.`,
    );
  tell(`Stopping the platform (process ${pid}).`);
  send(pid, 'SIGTERM');
  if (await isGone(pid, dataDir)) return;
  tell(`It has not ended within ${MOST_MS / 1000} seconds and is ended by force.`);
  send(pid, 'SIGKILL');
  if (await isGone(pid, dataDir)) return;
  throw new Error(
    `The platform (process ${pid}) does not end, even by force: it probably waits for a disk that does not answer. Run this again once that does.`,
  );
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in this very moment.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function isGone(pid: number, dataDir: string): Promise<boolean> {
  for (const end = performance.now() + MOST_MS; performance.now() < end; await pause(LOOK_MS))
    if (holderOf(dataDir) !== pid) return true;
  return false;
}

/**
 * Who has the directory's lock, by the kernel: a pid that was written down may be another's by now. Undefined where
 * nobody has it, or where the kernel does not tell.
 */
function holderOf(dataDir: string): number | undefined {
  const file = lockFile(dataDir);
  if (!existsSync(file) || !existsSync('/proc/locks')) return undefined;
  const { ino, dev } = statSync(file, { bigint: true });
  const holders = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => / (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line))
    .filter((found) => found?.[2] === String(ino))
    .map((found) => Number(found?.[1]));
  return holders.find((pid) =>
    openFiles(pid).some((path) => {
      const entry = statSync(path, { bigint: true, throwIfNoEntry: false });
      return entry?.ino === ino && entry.dev === dev;
    }),
  );
}

function openFiles(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => `/proc/${pid}/fd/${name}`);
  } catch {
    // It is gone, or another user's.
    return [];
  }
}

/** One that still starts has not written its pid down yet. */
function isPlatform(pid: number, dataDir: string): boolean {
  const file = addressesFile(dataDir);
  if (existsSync(file) && memberOf(JSON.parse(readFileSync(file, 'utf8')), 'pid') === pid) return true;
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('serve');
}
