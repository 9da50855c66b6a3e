import { DatabaseSync } from 'node:sqlite';

/**
 * One supervisor per data directory. The kernel gives the lock back when the process ends, however it ends;
 * Node has no flock, but SQLite locks its file.
 */
export function takeLock(path: string): boolean {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && error.message.includes('locked')) return false;
    throw error;
  }
  locks.push(database);
  return true;
}

/** Collected, a database would close itself and give the lock back. */
const locks: DatabaseSync[] = [];
