import { DatabaseSync } from 'node:sqlite';

/**
 * One supervisor per data directory. The kernel gives the lock back when the process ends, however it ends;
 * Node has no flock, but SQLite locks its file.
 */
export function takeLock(path: string): boolean {
  const database = new DatabaseSync(path);
  try {
    // Whoever only looks whether it is held has it for a moment.
    database.exec('PRAGMA busy_timeout = 500; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
  locks.push(database);
  return true;
}

const SQLITE_BUSY = 5;

/** Collected, a database would close itself and give the lock back. */
const locks: DatabaseSync[] = [];
