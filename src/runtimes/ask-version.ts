import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that does not say its version within this is not the one that we look for. */
const ANSWER_MS = 10_000;

/** What a program prints about itself, from both of its outputs; undefined where it does not run. */
export async function ask(path: string, ...args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(path, args, {
      timeout: ANSWER_MS,
      maxBuffer: 1024 * 1024,
      cwd: '/',
    });
    return `${stdout}\n${stderr}`;
  } catch {
    return undefined;
  }
}

/** Compares dotted numbers, as far as the floor goes: "17.0.15" is at least "8". */
export function isAtLeast(version: string, floor: string): boolean {
  const parts = version.split(/[._]/).map(Number);
  for (const [index, least] of floor.split('.').map(Number).entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
