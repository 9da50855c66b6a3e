import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes a data directory. What was built is sealed: without root it cannot be emptied before it is writable again. */
export function removeData(dir: string): void {
  if (existsSync(dir)) openUp(dir);
  rmSync(dir, { recursive: true, force: true });
}

function openUp(dir: string): void {
  try {
    chmodSync(dir, 0o700);
  } catch {
    // Another's, which its owner alone may open; removing it will tell.
    return;
  }
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) openUp(join(dir, entry.name));
  }
}
