import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Whoever only looks whether a lock is held has it for a moment. */
const LOOK_MOST_MS = 500;
const SQLITE_BUSY = 5;

/** Collected, a database would close itself and give the lock back. */
const held = new Set<DatabaseSync>();

export interface Lock {
  release(): void;
}

/**
 * Absent: somebody else has it. Held until it is released or the process ends, however it ends: Node has no flock, but
 * SQLite locks its file through the kernel. So nothing is left to clean up, and no process id is compared that may
 * belong to another by now.
 */
export function takeLock(file: string, waitMs = LOOK_MOST_MS): Lock | undefined {
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA busy_timeout = ${waitMs}; BEGIN EXCLUSIVE`);
    held.add(database);
    return {
      release: () => {
        held.delete(database);
        database.close();
      },
    };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

/** Looks without taking it; who takes it in this moment waits for us. */
export function isHeld(file: string): boolean {
  if (!existsSync(file)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true });
    database.exec('SELECT count(*) FROM sqlite_master');
    return false;
  } catch (error) {
    return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
  } finally {
    database?.close();
  }
}
