import { DatabaseSync } from 'node:sqlite';

/**
 * Held until the process ends, however it ends: SQLite locks the file through the kernel,
 * so nothing is left to clean up, and no process id is compared that may belong to another by now.
 */
export function takeLock(file: string): { release(): void } | undefined {
  const database = new DatabaseSync(file);
  try {
    // Whoever only looks whether it is held has it for a moment.
    database.exec('PRAGMA busy_timeout = 500; BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

const SQLITE_BUSY = 5;
