import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

/** What another process does to a SQLite file that it takes for itself. */
export const WRITES = 'begin immediate';
export const HAS_ALONE = 'pragma locking_mode = exclusive; begin exclusive';

/** Another process that holds the database by statements of its own, until it is told to let go. */
export async function holdDatabase(
  t: TestContext,
  file: string,
  statements: string = WRITES,
): Promise<() => Promise<void>> {
  const program = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(${JSON.stringify(file)}, { timeout: 10000 });
    database.exec(${JSON.stringify(statements)});
    console.log('held');
    process.stdin.once('data', () => { database.close(); process.exit(); });`;
  const words = ['--disable-warning=ExperimentalWarning', '--eval', program];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  assert.equal(line, 'held');
  return async () => {
    const ended = once(child, 'exit');
    child.stdin.write('\n');
    await ended;
  };
}
